"""What goes into the matrices of a model while it runs: the rows that each is multiplied with.

Not the layers are watched but the products, because not every matrix is the weight of a linear layer, and not every
layer is called: the experts of a mixture are one parameter, others keep attention by head or reach for the weight
itself. A product is known by the memory of its operand, so views of a parameter are found, copies are not.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from junkdna.models.matrices import PrunableWeight

Where = tuple[int, int]


class Watch(TorchFunctionMode):
    """While active, hands the inputs [..., inputs] of every product with a matrix to `take(name, inputs)`."""

    def __init__(self, found: Mapping[str, PrunableWeight], take: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self.take = take
        # A view of the matrix itself, and its strides along outputs and inputs.
        self.names: dict[Where, tuple[str, Tensor, int]] = {}
        for name, weight in found.items():
            matrix = weight.tensor.detach()
            self.names[_where(matrix)] = (name, matrix, weight.input_dim)
        self.pointers = {weight.parameter.untyped_storage().data_ptr() for weight in found.values()}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        look = LOOKS.get(func)
        if look:
            look(self, *args, **kwargs)
        return func(*args, **kwargs)

    def watches(self, tensor: Any) -> bool:
        """Whether the memory of a tensor is that of a watched parameter."""
        return isinstance(tensor, Tensor) and tensor.untyped_storage().data_ptr() in self.pointers

    def see(self, operand: Tensor, contracted: int, inputs: Tensor) -> None:
        """Note a product over the dimension `contracted` of a matrix [rows, columns] with inputs [..., inputs]."""
        name, matrix, dim = self.names.get(_where(operand), ("", operand, 0))
        same = operand.shape[contracted] == matrix.shape[dim] and operand.stride(contracted) == matrix.stride(
            dim
        )
        if name and same:
            self.take(name, inputs)

    def linear(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> None:
        """A linear layer: inputs [..., inputs] times the rows of a weight [outputs, inputs]."""
        if self.watches(weight):
            self.see(weight, 1, inputs)

    def matmul(self, left: Tensor, right: Tensor, **options: Any) -> None:
        """A product of matrices or of batches of them; either side may be watched."""
        if self.watches(right) and right.ndim >= 2:
            self._batched(right, -2, left)
        if self.watches(left) and left.ndim >= 2 and right.ndim >= 2:
            self._batched(left, -1, right.transpose(-1, -2))

    def addmm(self, bias: Tensor, *operands: Tensor, **options: Any) -> None:
        """A product that something is added to; its factors may be given by name."""
        named = [options[name] for name in ("mat1", "batch1", "mat2", "batch2") if name in options]
        self.matmul(*operands, *named)

    def _batched(self, operand: Tensor, contracted: int, inputs: Tensor) -> None:
        """A product with each of the matrices of an operand [..., rows, columns]."""
        batch = operand.shape[:-2]
        if not batch:
            self.see(operand, contracted, inputs)
            return
        spread = torch.broadcast_shapes(inputs.shape[:-2], batch)
        inputs = inputs.expand(*spread, *inputs.shape[-2:])
        for place in product(*(range(size) for size in batch)):
            # Of dimensions that the operand lacks or has once, all the inputs belong to it.
            chosen = [place[axis] if size > 1 else slice(None) for axis, size in enumerate(batch)]
            self.see(operand[place], contracted, inputs[(..., *chosen, slice(None), slice(None))])

    def einsum(self, equation: str, *operands: Tensor) -> None:
        """A product of two tensors by letters; seen where it sums over all that leads into a watched matrix."""
        if len(operands) != 2 or not any(self.watches(each) for each in operands):
            return
        letters, out = equation.replace(" ", "").split("->")
        terms = letters.split(",")
        which = 1 if self.watches(operands[1]) else 0
        ours, theirs = terms[which], terms[1 - which]
        operand, inputs = operands[which], operands[1 - which]
        name, matrix, dim = self.names.get(_where(operand), ("", operand, 0))
        summed = [letter for letter in ours if letter in theirs and letter not in out]
        place = ours[: len(summed)] if dim == 0 else ours[-len(summed) :]
        shared = [letter for letter in ours if letter in theirs and letter in out]
        if not name or not summed or shared or "".join(summed) != place or not operand.is_contiguous():
            return
        rest = [letter for letter in theirs if letter not in summed]
        inputs = inputs.permute([theirs.index(letter) for letter in [*rest, *summed]]).flatten(len(rest))
        if inputs.shape[-1] == matrix.shape[dim]:
            self.take(name, inputs)

    def conv1d(
        self,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> None:
        """A convolution over inputs [batch, channels, places]: a product with what the kernel covers at each place."""
        if not self.watches(weight):
            return
        size, reach, step, gap = weight.shape[2], *(_first(each) for each in (padding, stride, dilation))
        if gap != 1 or isinstance(reach, str):
            return
        covered = functional.pad(inputs, (reach, reach)).unfold(2, size, step)
        covered = covered.unflatten(1, (groups, -1)).permute(0, 3, 1, 2, 4).flatten(3)
        matrices = weight.view(groups, weight.shape[0] // groups, -1)
        for group in range(groups):
            self.see(matrices[group], 1, covered[:, :, group])


def _where(tensor: Tensor) -> Where:
    return tensor.data_ptr(), tensor.numel()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) else value


LOOKS: dict[Callable[..., Any], Callable[..., None]] = {
    functional.linear: Watch.linear,
    functional.conv1d: Watch.conv1d,
    torch.einsum: Watch.einsum,
    **dict.fromkeys((torch.matmul, torch.mm, torch.bmm), Watch.matmul),
    **dict.fromkeys((Tensor.matmul, Tensor.mm, Tensor.bmm, Tensor.__matmul__), Watch.matmul),
    **dict.fromkeys((torch.addmm, torch.baddbmm, Tensor.addmm, Tensor.baddbmm), Watch.addmm),
}
