"""`python -m tests.fuzz [TARGET…] [--seconds N | --runs N] [--seed N]`: feed readers with bytes that nobody wrote.

Memory and the time of each input are limited. What is no `HoldallError` ends the program with the input that did it, in
hexadecimal digits; so do a crash and a hang.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import sys
import time
import warnings
from typing import TYPE_CHECKING, Final

from tests.fuzz.targets import targets

from holdall.errors import HoldallError, HoldallWarning

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

MEMORY: Final = 4 << 30
"""Bytes of address space: what libraries reserve, and one gigabyte or so to go wrong with."""
PATIENCE: Final = 10
"""Seconds for one input."""
_NUMBERS: Final = [0, 1, 0x7F, 0x80, 0xFF, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1]


def mutated(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A few changes, as errors and enemies make them: bits, cuts, repeats, sizes, pieces of other inputs."""
    data = bytearray(seed)
    for _ in range(chance.choice([1, 1, 2, 4, 8])):
        at = chance.randrange(len(data) + 1)
        near = min(at, chance.choice([16, 64, 4096, 1 << 30]))
        match chance.randrange(6):
            case 0 if data:
                data[near % len(data)] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[near % len(data)] = chance.randrange(256)
            case 2:
                del data[at : at + chance.choice([1, 4, 16, len(data)])]
            case 3:
                data[at:at] = data[at : at + chance.choice([1, 8, 64])]
            case 4:
                size = chance.choice([1, 2, 4, 8])
                number = chance.choice(_NUMBERS) & (2 ** (8 * size) - 1)
                data[near : near + size] = number.to_bytes(size, chance.choice(["big", "little"]))  # type: ignore[arg-type]
            case 5:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                data[at:at] = other[start : start + chance.choice([4, 32, 256])]
    return bytes(data)


def fuzz(target: Target, chance: random.Random, *, runs: int | None, seconds: float) -> int:
    """How many inputs were tried; ends the program at the first that is not taken as it should be."""
    end = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < end if runs is None else tried < runs:
        data = mutated(chance.choice(target.seeds), target.seeds, chance)
        tried += 1
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            target.read(data)
        except HoldallError:
            pass
        except BaseException:
            sys.stderr.write(f"{data.hex()}\n")
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
    return tried


def main() -> None:
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*known, []], help="all of them unless some are named")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--runs", type=int, help="inputs for each target, in the place of seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore", HoldallWarning)
    for name in given.target or known:
        chance = random.Random(f"{given.seed} {name}")
        tried = fuzz(known[name], chance, runs=given.runs, seconds=given.seconds)
        print(f"{name}: {tried} inputs, seed {given.seed}")


if __name__ == "__main__":
    main()
