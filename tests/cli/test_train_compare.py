"""`train --compare off`: the same run with and without neighbours, beside each other."""
import json

from command_line import run

from tinynnclr.train.run import Run

SHORT = ["--train-size", "64", "--batch-size", "32", "--epochs", "2", "--width", "2",
         "--queue-size", "16", "--neighbors-after", "0", "--no-plots", "--out", "a"]


def result(folder):
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def last_table(out):
    """{row: its words} of the table at the end of the output."""
    _, head, rows = out.partition("neighbours on and off, seed 0:\n")
    assert head
    return {line.split()[0]: line.split()[1:] for line in rows.splitlines()[2:]}


def test_both_runs_differ_only_in_their_neighbours(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "train", *SHORT, "--compare", "off")
    assert status == 0
    on, off = result(tmp_path / "a"), result(tmp_path / "a" / "off")
    assert {name: (value, off["config"][name]) for name, value in on["config"].items()
            if value != off["config"][name]} == {"neighbors": (True, False)}
    assert on["baselines"] == off["baselines"]
    rows = last_table(out)
    assert list(rows) == ["nnclr", "off"]
    assert rows["nnclr"][0] == f"{on['knn']:.1%}"
    assert rows["off"][0] == f"{off['knn']:.1%}"


def test_a_finished_run_gets_its_run_without_neighbours(tmp_path, monkeypatch, capsys):
    """With the options of the stored run, not with those of the command."""
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "train", *SHORT)[0] == 0
    status, out, _ = run(capsys, "train", "--resume", "--compare", "off", "--no-plots", "--out",
                         "a")
    assert status == 0
    assert list(last_table(out)) == ["nnclr", "off"]
    assert result(tmp_path / "a" / "off")["config"]["width"] == 2
    again = run(capsys, "train", "--resume", "--compare", "off", "--no-plots", "--out", "a")
    assert last_table(again[1]) == last_table(out)


def test_stopped_in_the_second_run(tmp_path, monkeypatch, capsys):
    """The command that resumes is named, and it prints both results."""
    monkeypatch.chdir(tmp_path)
    save = Run.save

    def stop(self, path):
        save(self, path)
        if self.step and not self.config.neighbors:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", stop)
        status, _, err = run(capsys, "train", *SHORT, "--compare", "off")
    command = "tinynnclr train --resume --compare off --out a"
    assert (status, err.splitlines()[-1].strip()) == (130, command)
    assert not (tmp_path / "a" / "off" / "result.json").exists()
    status, out, _ = run(capsys, *command.split()[1:], "--no-plots")
    assert status == 0
    assert list(last_table(out)) == ["nnclr", "off"]


def test_a_method_without_neighbours_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "train", "--method", "simclr", "--compare", "off")
    assert (status, out) == (2, "")
    assert "--compare off: expected a run with neighbours, such as --method nnclr" in err
    assert list(tmp_path.iterdir()) == []
