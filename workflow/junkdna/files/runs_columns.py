"""The columns of the files of one run."""

from dataclasses import replace

from junkdna.files.columns import (
    ALSO_NULL,
    EXAMPLE_ID,
    FAMILY,
    KEYS,
    LEVEL,
    Column,
    Table,
    count,
    number,
    share,
    text,
    truth,
)

# Of what a training says of itself: a regression trains on standardised labels (`inference/label_scale.py`).
LOSS = "nats, or squared standard deviations of the training labels (regression)"
DIVERGED = "the training diverged"
# Of runs that are read from a log made elsewhere.
LOGGED = "the run was read from a sample log"
NOT_TOLD = "the run was read from a log that does not tell how likely the right answers were"
FACTS = {
    "train_examples": count("examples of the training split; of running text its texts, 0 for asked tasks"),
    "validation_examples": count("examples of the validation split", 1),
    "steps": count("optimizer steps that were taken; 0 where nothing trains"),
    "train_seconds": number("time of training, that before an interruption included", "s", 0),
    "eval_seconds": number(
        "time of predicting the validation split, and of looking at training examples if asked", "s", 0
    ),
    "load_seconds": number("time of loading the model and the data and of applying the recipe", "s", 0),
    "examples_per_second": number(
        "training examples a second of `train_seconds`; 0 where nothing trains", "1/s", 0
    ),
    "peak_memory_mb": number(
        "most memory: allocated by torch on a GPU, resident in the process on a CPU", "MiB", 0, missing=LOGGED
    ),
    "sparsity": share(
        "prunable weights that the mask takes at the end of the run; in `freeze`, `regrow`, `reinit` too, where they "
        "need not be 0. Of quantization 0"
    ),
    "effective_bits": number(
        "bits that a prunable weight takes as the regime ends, with scales, zeros, mask bits and adapters; 16 where it "
        "ends whole (`models/footprint.py`)",
        "bits a weight",
        0,
    ),
    "body_bytes": number("bytes of all prunable weights at `effective_bits`", "bytes", 0, missing=LOGGED),
    "first_loss": number(
        "mean loss in the first row of `history`; where nothing trains, of a predicted validation token",
        LOSS,
        0,
        missing=f"{DIVERGED}; or {NOT_TOLD}",
    ),
    "final_loss": number("the same in its last row", LOSS, 0, missing=f"{DIVERGED}; or {NOT_TOLD}"),
    "min_loss": number(
        "the smallest finite one in its rows",
        LOSS,
        0,
        missing=f"the training diverged in its first row; or {NOT_TOLD}",
    ),
    "prior_entropy": number(
        "loss of the best prediction that ignores the input, on the training labels: their entropy, mean log of the "
        "number of options, or 1 (regression). Of running text that of the unigram model, on the validation split",
        LOSS,
        0,
        missing="free answers, of which nothing can be said without the question",
    ),
    "precision": text(
        "of the forward passes; `unknown` where a log does not say", ("bf16", "fp16", "fp32", "unknown")
    ),
    "device": text("that the run was on, such as `cpu` or `cuda:0`; `unknown` where a log does not say"),
    "threads": count("CPU threads of the run", 1, missing=LOGGED),
}
VERSIONS = text(
    "names and versions of the libraries that can change a number",
    optional="the file was written without saying how it was made, as in tests",
)
METRICS = {
    **KEYS,
    "regime": ALSO_NULL,
    "family": FAMILY,
    "level": LEVEL,
    **FACTS,
    "diverged": truth("whether the training ended early because its loss was no finite number"),
    "versions": VERSIONS,
}
NO_NUMBER = "the training diverged"
LOG_SILENT = "a log does not say"
WRITTEN = "nothing is answered in free text"
OF_OPTIONS = Column(kind="list", meaning="of each option", optional="no options are compared by likelihood")
PREDICTIONS = {
    "example_id": EXAMPLE_ID,
    "target": number(
        "the right answer: number of the class or place of the option, from 0, or the value (regression); of free "
        "questions 1, the most that an answer scores; of running text the number of predicted tokens, all but the first"
    ),
    "prediction": number(
        "the answer: class or option of the highest score (of a log without likelihoods the option that was named, -1 "
        "for none), or the value in the unit of the labels; of free answers what this one scores by the metric, which "
        "may be the likelihood of the gold ones; of running text the mean log-probability of the predicted tokens in "
        "nats, 0 without any",
        missing=NO_NUMBER,
    ),
    "correct": truth(
        "whether the two are equal",
        missing="regression, running text and likelihoods, where no answer is right or wrong",
    ),
    "loss": number(
        "minus the log-probability of the right answer (of running text: of a token, on average), or the squared error",
        "nats, or the squared unit of the labels (regression)",
        0,
        missing=f"{NO_NUMBER}; or {NOT_TOLD}",
    ),
    "scores": Column(
        kind="list",
        meaning="log-probability of each class or option, in nats, by the score rule of an asked task; the value alone "
        "(regression); of free questions the log-probability of the likeliest gold answer by token; of running text "
        "one number, the mean log-probability of the same tokens by the unigram model of the training split. NaN "
        "where a log does not tell them",
    ),
    "sums": replace(OF_OPTIONS, meaning="log-probability of all tokens of each option, in nats"),
    "tokens": replace(
        OF_OPTIONS, meaning="tokens of each option, the delimiter before it included; of logs NaN"
    ),
    "characters": replace(OF_OPTIONS, meaning="characters of each option; NaN where a log does not tell"),
    "null_sums": replace(
        OF_OPTIONS, meaning="as `sums`, after the null prompt; NaN where a log does not tell"
    ),
    "by_chance": replace(
        share(
            "what `prediction` would be if the question did not matter: what the answer to another question of the "
            "split scores, or the likelihood of the gold answers after that one",
            missing=f"{NO_NUMBER}; or a log does not tell",
        ),
        optional="the question is not free",
    ),
    "text": replace(text("the free answer, up to the stop text"), optional=WRITTEN),
    "ended": replace(
        text(
            "how a free answer ended: by its end token, at a stop text, or cut",
            ("end", "stop", "length"),
            missing=LOG_SILENT,
        ),
        optional=WRITTEN,
    ),
    "written": replace(
        count("tokens of a free answer, that of the end included", missing=LOG_SILENT), optional=WRITTEN
    ),
}
HISTORY = {
    "step": count("optimizer steps done", 1),
    "epoch": number("passes over the training split done", "", 0),
    "loss": number(
        "mean over the examples of the steps since the last row, as they were trained on",
        LOSS,
        0,
        missing=DIVERGED,
    ),
    "learning_rate": number("of the last of these steps", "", 0),
    "examples_per_second": number("training examples a second since the last row", "1/s", 0),
    "sparsity": share("prunable weights that the mask takes now; rises in `gradual` alone"),
}
CONFIDENCES = {
    "example_id": EXAMPLE_ID,
    "epoch": count("passes over the training split before the look", 1),
    "confidence": share("probability of the right class or option, without dropout"),
    "correct": truth("whether it was the most probable"),
}
TABLES = (
    Table(
        names=("metrics",),
        row="the run: the file has one",
        columns=METRICS,
        note="Of runs on inputs without text (`nulls`) the same columns, but `task` and `seed` stand before `recipe`.",
    ),
    Table(names=("predictions",), row="an example of the validation split", columns=PREDICTIONS),
    Table(
        names=("history",),
        row="every few optimizer steps; the last step of all has one",
        columns=HISTORY,
        note="Empty where nothing trains.",
    ),
    Table(
        names=("confidences",),
        row="an epoch and training example",
        columns=CONFIDENCES,
        note="Only of dense runs, where the study asks for `cartography`. An epoch after which a loss is no finite "
        "number has no rows.",
    ),
)
