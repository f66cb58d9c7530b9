"""One story for each way to live with a dispenser."""

from sim.scenario import Scenario, at_least, unprompted


def _life(model: str, story: str, days: int, **more: int) -> Scenario:
    expect = tuple(at_least(kind, number) for kind, number in more.items())
    name = f"life-{model}"
    return Scenario(name, story, days, patients={"d1": model}, expect=(*expect, unprompted))


SCENARIOS = (
    _life("regular", "Every dose, every evening an answer.", 2, dose=4, response=2),
    _life("forgetful", "A third of the doses is missed.", 3, dose=4),
    _life("drifting", "It begins well and ends in a drawer.", 4, dose=5),
    _life("flare-up", "It hurts more each day.", 3, dose=6, response=3),
    _life(
        "refilling",
        "All four compartments are filled, nobody presses service.",
        1,
        refill=1,
        dose=6,
    ),
    _life("curious-child", "A child plays in the afternoon.", 3, lid_opened=7),
    _life("plug-puller", "The cable is needed for a telephone.", 2, dose=4),
    _life("traveller", "Days away, unplugged.", 3, dose=5),
)
