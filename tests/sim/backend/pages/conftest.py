"""A seeded cohort, and its pages served by the real command."""

import datetime as dt

import pytest

from sim.backend.pages.cohort import Plan, make
from tests.sim.backend.pages.serving import served

DAYS = 30


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    make(folder, Plan(12, DAYS, yesterday, seed=7), lambda done, of: None)
    return folder


@pytest.fixture(scope="session")
def base(cohort):
    with served(cohort) as address:
        yield address
