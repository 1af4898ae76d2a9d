"""A generated closed world: facts, the corpus that states them, and tasks that ask for them."""
