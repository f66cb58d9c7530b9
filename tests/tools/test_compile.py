import pytest

from tools.compile import CompileError, firmware, placed


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "firmware"
    (folder / "dispenser" / "drivers").mkdir(parents=True)
    for name in ("boot.py", "main.py", "dispenser/app.py", "dispenser/drivers/lid.py"):
        (folder / name).write_text("VALUE = 1\n")
    (folder / "dispenser" / "__init__.py").write_text("VERSION = (1, 20, 3)\n")
    return folder


def test_modules_are_compiled_and_the_start_files_stay_source(source, tmp_path):
    files = firmware(source, tmp_path / "scratch")
    assert set(files) == {
        "dispenser/__init__.mpy",
        "dispenser/app.mpy",
        "dispenser/drivers/lid.mpy",
        "version",
        "boot.py",
        "main.py",
    }
    # an .mpy file begins with M and the version of its format, then flags: no native code for one
    # chip, small integers of 31 bits (MicroPython docs, "MicroPython .mpy files")
    assert files["dispenser/app.mpy"][:4] == b"M\x06\x00\x1f"
    assert files["boot.py"] == b"VALUE = 1\n"
    assert files["version"] == b"1.20.3"


def test_where_files_go():
    assert placed("dispenser/app.mpy", "b") == "/slots/b/dispenser/app.mpy"
    assert placed("version", "a") == "/slots/a/version"
    assert placed("boot.py", "b") == "/boot.py"


def test_a_source_that_does_not_compile_is_named(source, tmp_path):
    (source / "dispenser" / "app.py").write_text("def broken(:\n")
    with pytest.raises(CompileError, match=r"app\.py.*SyntaxError"):
        firmware(source, tmp_path / "scratch")


@pytest.mark.parametrize("gone", ["boot.py", "main.py"])
def test_a_folder_without_the_start_is_no_firmware(source, tmp_path, gone):
    (source / gone).unlink()
    with pytest.raises(CompileError, match=gone):
        firmware(source, tmp_path / "scratch")
