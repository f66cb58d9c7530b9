"""Topics are sent once a connection; what is published arrives under its own all the same."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.aliases import Aliases
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.gateway import SECRET, rig, until

TOPICS = st.sampled_from([f"t/{n}" for n in range(6)])


@given(st.integers(0, 7), st.lists(st.tuples(TOPICS, st.binary(max_size=4)), max_size=60))
def test_a_broker_that_follows_the_standard_finds_every_topic(
    most: int, published: list[tuple[str, bytes]]
) -> None:
    aliases, known = Aliases(most), dict[int, str]()
    saved = 0
    for topic, correlation in published:
        named, properties = aliases.publish(topic, correlation)
        number = getattr(properties, "TopicAlias", None)
        assert getattr(properties, "CorrelationData", b"") == correlation
        assert number is None or 1 <= number <= most
        if named:
            assert named == topic
            if number is not None:
                known[number] = topic
        else:
            assert number is not None and known[number] == topic
            saved += 1
    topics = [topic for topic, _ in published]
    if len(set(topics)) <= most:
        assert saved == len(topics) - len(set(topics)), "each was sent once"


def test_records_of_more_dispensers_than_the_broker_takes_aliases(
    tmp_path: Path, pki: Pki
) -> None:
    """mosquitto takes ten (mosquitto.conf(5), max_topic_alias); each dispenser has two topics."""

    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chains = {n: make_chain(SECRET, bytes([n] * 8), n, 30) for n in range(1, 8)}
            made = [r.dispenser(n, n, chain[:10]) for n, chain in chains.items()]
            await r.run_gateway()
            await until(lambda: all(r.stored(one) for one in made))
            for end in (20, 30):
                for one in made:
                    one.add(*chains[one.epoch][end - 10 : end])
                await until(lambda: all(r.stored(one) for one in made))
            assert await r.end_gateway() == 0
            assert r.counters()["connects"] == 1, "the broker had no reason to end it"

    asyncio.run(scenario())
