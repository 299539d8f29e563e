"""What the runner starts: whether there is to be a keeper at all, or we become the step; and how all three start.

The order is for speed: what the fork of the session process leaves shared is copied where it changes, so the step is
put together before; what only a keeper that waits needs is loaded while the step runs.
"""

from agent.config import SECRETS, read
from agent.errors import KernelError
from agent.keeper import child, running, secrets, signals
from agent.keeper.stand import Stand


def main(arguments: list[str]) -> int:
    """Run the step as `arguments` say; UsageError for a bad word.

    Returns only where this process should have become the step and could not, with 126 or 127, or where the step
    is a deployment that must not happen, with 0.
    """
    arrived = signals.take_over()
    config = read(arguments, secrets.arrived())
    secrets.wipe(SECRETS)
    if config.deploy:
        from agent.keeper.deploy import reason_to_skip  # noqa: PLC0415  (few steps do)

        if why := reason_to_skip(config):
            _say(why)
            return 0
    if config.when == "never":
        return running.become(config, arrived)
    try:
        stand = Stand(arrived)
    except KernelError as error:
        _say(f"no session can open here: {error}")
        return running.become(config, arrived)
    launch, handed = running.prepare(config, stand.pipes)
    session = child.fork(config, stand.pipes)
    step = running.start(config, stand, session, launch, handed)
    if step is None:
        if session:
            session.reap()
        return running.become(config, arrived)

    from agent.keeper.keeper import Keeper  # noqa: PLC0415  (see above)
    from agent.keeper.verdict import leave  # noqa: PLC0415

    return leave(Keeper(config, stand, session).run(step))


def _say(line: str) -> None:
    from agent.output import say  # noqa: PLC0415  (few starts have anything to say)

    say(line)
