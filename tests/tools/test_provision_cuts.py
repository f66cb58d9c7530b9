"""Power cut inside every flash operation of provisioning: the next run completes it."""

import pytest

from protocol.schema import Service
from tests.tools.desk import copied, desks
from tools import provision as provisioning
from tools.exits import Exit, ToolError
from tools.prompt import Prompt
from tools.provision import provision
from tools.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(900)]
MOST = 60


def cut(desk, vault, monkeypatch, operation: int) -> bool:
    """Cut the power inside that operation of provisioning; False if there are not as many."""

    class Armed(Prompt):
        def run(self, code, progress=None):
            if "provision.run" in code:
                desk.do(desk.board.cut_at(operation, 17 * operation % 256))
            return super().run(code, progress)

        def reset(self):
            desk.do(desk.board.cut_at(1_000_000, 0))  # never
            super().reset()

    monkeypatch.setattr(provisioning, "Prompt", Armed)
    try:
        provision(desk.port, vault)
    except ToolError:
        desk.do(desk.board.wait_cut())
        return True
    finally:
        monkeypatch.setattr(provisioning, "Prompt", Prompt)
    return False


def test_power_cut_inside_every_operation(tmp_path, flashed, monkeypatch):
    for operation in range(1, MOST):
        vault = Vault(tmp_path / f"registry{operation}.json")
        with desks(copied(flashed, tmp_path / f"{operation}")) as (desk,):
            if not cut(desk, vault, monkeypatch, operation):
                assert operation > 5
                print(f"{operation - 1} operations")
                return
            desk.on()
            before = desk.hello().service
            try:
                provision(desk.port, vault)
            except ToolError as error:
                assert (error.exit, before) == (Exit.PROVISIONED, Service.ok), operation
            hello = desk.hello()
            assert hello.service == Service.ok, operation
            assert vault.load().has_epoch(hello.device_id.hex(), hello.epoch), operation
            print(operation, before.name)
    raise AssertionError(f"more than {MOST} operations")
