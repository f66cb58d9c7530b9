import pytest

from tools.compile import CompileError, firmware


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "firmware"
    (folder / "dispenser" / "drivers").mkdir(parents=True)
    for name in ("boot.py", "main.py", "dispenser/app.py", "dispenser/drivers/lid.py"):
        (folder / name).write_text("VALUE = 1\n")
    return folder


def test_modules_are_compiled_into_the_slot_and_the_start_comes_last(source, tmp_path):
    files = firmware(source, tmp_path / "scratch")
    assert [file.path for file in files] == [
        "/slots/a/dispenser/app.mpy",
        "/slots/a/dispenser/drivers/lid.mpy",
        "/boot.py",
        "/main.py",
    ]
    # an .mpy file begins with M and the version of its format (MicroPython docs, "mpy files")
    assert [file.content[:2] for file in files[:2]] == [b"M\x06", b"M\x06"]
    assert files[2].content == b"VALUE = 1\n"


def test_a_source_that_does_not_compile_is_named(source, tmp_path):
    (source / "dispenser" / "app.py").write_text("def broken(:\n")
    with pytest.raises(CompileError, match=r"app\.py.*SyntaxError"):
        firmware(source, tmp_path / "scratch")


@pytest.mark.parametrize("gone", ["boot.py", "main.py"])
def test_a_folder_without_the_start_is_no_firmware(source, tmp_path, gone):
    (source / gone).unlink()
    with pytest.raises(CompileError, match=gone):
        firmware(source, tmp_path / "scratch")
