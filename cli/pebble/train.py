"""Train pebble on a CPU for a number of minutes: `python -m pebble.train --minutes 80 --out build/pebble.pt`.

Muon optimizes the matrices, AdamW the rest. The learning rate warms up briefly, stays, and falls to zero over the last
part of the time. A checkpoint is written every few minutes; the same command resumes from it.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from pebble import data, fast, tokenizer
from pebble.model import Pebble, Shape


def report(text: str) -> None:
    """Print a line of progress."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def orthogonal(x: Tensor, rounds: int = 5) -> Tensor:
    """Newton-Schulz: the nearest matrices with equal singular values, for a stack (count, rows, more columns)."""
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    return x


class Muon:
    """Orthogonalized momentum for all matrices of the network; equal shapes are processed as one stack."""

    def __init__(
        self, weights: list[Tensor], rate: float, decay: float = 0.01, momentum: float = 0.95
    ) -> None:
        self.weights, self.rate, self.decay, self.momentum = weights, rate, decay, momentum
        self.moments = [torch.zeros_like(weight) for weight in weights]

    def step(self, scale: float) -> None:
        """One update; matrices of one shape are processed together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, weight in enumerate(self.weights):
            groups.setdefault(tuple(sorted(weight.shape)), []).append(place)
        for places in groups.values():
            self._update(places, scale)

    @torch.no_grad()
    def _update(self, places: list[int], scale: float) -> None:
        stack = []
        for place in places:
            grad = self.weights[place].grad
            assert grad is not None
            self.moments[place].lerp_(grad, 1 - self.momentum)
            update = grad.lerp(self.moments[place], self.momentum)
            stack.append(update.T if update.shape[0] > update.shape[1] else update)
        for place, update in zip(places, orthogonal(torch.stack(stack).bfloat16()).float(), strict=True):
            weight = self.weights[place]
            rows, columns = weight.shape
            weight.mul_(1 - self.rate * scale * self.decay)
            weight.add_(
                update.T if rows > columns else update,
                alpha=-self.rate * scale * max(1.0, rows / columns) ** 0.5,
            )


class Twin:
    """The bfloat16 copy of the network that computes; the trained weights stay in float32.

    CPUs with bfloat16 matrix instructions are twice as fast with it. Its gradients are accumulated in float32.
    """

    def __init__(self, net: Pebble) -> None:
        self.net, self.half = net, Pebble(net.shape)
        for mine, theirs in zip(self.half.parameters(), net.parameters(), strict=True):
            mine.data = theirs.data.bfloat16() if theirs.ndim == 2 else theirs.data

    def losses(self, parts: list[data.Batch]) -> float:
        """The mean loss over all weighted ids; the gradients are left in the network."""
        for mine, theirs in zip(self.half.parameters(), self.net.parameters(), strict=True):
            if theirs.ndim == 2:
                mine.data.copy_(theirs.data)
            theirs.grad = torch.zeros_like(theirs)
        weight, total = sum(float(part.weights.sum()) for part in parts), 0.0
        for part in parts:
            keep = torch.from_numpy(part.weights.ravel().nonzero()[0])
            keep = functional.pad(keep, (0, -len(keep) % 128))  # few shapes: see data.batches
            targets = torch.from_numpy(part.targets.ravel())[keep]
            targets[int(part.weights.sum()) :] = -100
            hidden = fast.stream(self.half, torch.from_numpy(part.ids), keep)
            logits = functional.linear(hidden, self.half.embedding).float()
            loss = functional.cross_entropy(logits, targets, reduction="sum") / weight
            loss.backward()
            total += float(loss.detach())
            for mine, theirs in zip(self.half.parameters(), self.net.parameters(), strict=True):
                if theirs.grad is not None and mine.grad is not None:
                    theirs.grad += mine.grad
                mine.grad = None
        return total


def schedule(done: float, warm: float = 0.02, fall: float = 0.55) -> float:
    """The factor of the learning rate at a share of the time: warm-up, constant, linear decay to zero."""
    return min(1.0, (done + 1e-4) / warm, max(0.0, (1 - done) / fall))


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--minutes", type=float, default=80, help="wall time of the whole training, without pauses"
    )
    parser.add_argument("--out", type=Path, default=Path("build/pebble.pt"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tokens", type=int, default=8192, help="tokens per step at the start; twice as many at the end"
    )
    parser.add_argument(
        "--rate", type=float, default=0.02, help="learning rate of Muon; AdamW uses a sixth of it"
    )
    parser.add_argument(
        "--fall", type=float, default=0.55, help="share of the time over which the learning rate decays"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="initial weights")
    parser.add_argument("--save", type=float, default=5, help="minutes between checkpoints")
    return parser.parse_args()


def main() -> None:
    """Parse the flags and train."""
    args = _flags()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net = Pebble(Shape(len(tokenizer.vocabulary()[0])))
    if args.start:
        net.load_state_dict(torch.load(args.start, weights_only=True))
    matrices = [weight for name, weight in net.blocks.named_parameters() if weight.ndim == 2]
    others = [weight for weight in net.parameters() if not any(weight is matrix for matrix in matrices)]
    muon = Muon(matrices, args.rate)
    adam = torch.optim.AdamW(others, lr=args.rate / 6, betas=(0.9, 0.98), weight_decay=0.0)
    step, spent, seen = 0, 0.0, 0
    if args.out.exists():
        saved = torch.load(args.out, weights_only=True)
        net.load_state_dict(saved["net"])
        adam.load_state_dict(saved["adam"])
        for moment, old in zip(muon.moments, saved["muon"], strict=True):
            moment.copy_(old)
        step, spent, seen = saved["step"], saved["spent"], saved["seen"]
    report(f"{sum(weight.numel() for weight in net.parameters()):,} parameters, from step {step}")
    twin = Twin(net)
    total, last_save, begun = args.minutes * 60, time.monotonic(), time.monotonic() - spent
    source = data.batches(args.seed * 1_000_003 + step)
    losses: list[float] = []
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    while not stopped and (spent := time.monotonic() - begun) < total:
        scale = schedule(spent / total, fall=args.fall)
        tokens, parts = int(args.tokens * (1 + min(1.0, 1.5 * spent / total))), []
        while sum(part.ids.size for part in parts) < tokens:
            parts.append(next(source))
        loss = twin.losses(parts)
        seen += sum(int((part.ids != data.mark("<|endoftext|>")).sum()) for part in parts)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(scale)
        for group in adam.param_groups:
            group["lr"] = args.rate / 6 * scale
        adam.step()
        step += 1
        losses.append(loss)
        if step % 20 == 0:
            report(
                f"step {step}  {spent / 60:.1f} min  loss {sum(losses[-20:]) / 20:.4f}  rate {scale:.3f} "
                f" {seen / 1e6:.2f} M ids"
            )
        if time.monotonic() - last_save > args.save * 60:
            save(args.out, net, adam, muon, step, time.monotonic() - begun, seen)
            last_save = time.monotonic()
    save(args.out, net, adam, muon, step, spent, seen)
    report(f"done: {step} steps, {seen / 1e6:.2f} M ids, {spent / 60:.1f} min")


def save(
    path: Path, net: Pebble, adam: torch.optim.Optimizer, muon: Muon, step: int, spent: float, seen: int
) -> None:
    """Write the checkpoint to a temporary file, then replace the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "net": net.state_dict(),
        "adam": adam.state_dict(),
        "muon": muon.moments,
        "step": step,
        "spent": spent,
        "seen": seen,
    }
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


if __name__ == "__main__":
    main()
