"""Long commands: what runs, what is skipped, what a failure says."""

from __future__ import annotations

import sys
import time

import pytest

from mmsgp.reporting.jobs import TAIL_LINES, Job, JobFailed, run_jobs, sharing_cores


def job(folder, name, code, **kwargs):
    return Job(name, [sys.executable, '-c', code], folder / 'logs' / f'{name}.log', **kwargs)


def test_output_goes_into_the_log(tmp_path, capfd):
    run_jobs([job(tmp_path, 'a', 'import sys; print(1); print(2, file=sys.stderr)')])
    assert sorted((tmp_path / 'logs' / 'a.log').read_text().split()) == ['1', '2']
    assert capfd.readouterr().out == ''


def test_output_without_a_log_stays_on_the_screen(capfd):
    run_jobs([Job('a', [sys.executable, '-c', 'print("here")'])])
    assert capfd.readouterr().out == 'here\n'


def test_what_is_done_is_skipped(tmp_path):
    result = tmp_path / 'result'
    code = f'open({str(result)!r}, "a").write("x")'
    for _ in range(2):
        run_jobs([job(tmp_path, 'a', code, results=[result])])
    assert result.read_text() == 'x'


def test_a_failure_stops_the_others_and_shows_the_end(tmp_path):
    jobs = [
        job(tmp_path, 'slow', 'import time; time.sleep(60)'),
        job(tmp_path, 'bad', 'print(*range(100), sep="\\n"); raise SystemExit(3)'),
    ]
    start = time.monotonic()
    with pytest.raises(JobFailed, match=r'bad failed.*bad\.log') as caught:
        run_jobs(jobs)
    assert time.monotonic() - start < 30
    assert caught.value.status == 3
    shown = str(caught.value).splitlines()
    assert shown[:TAIL_LINES] == [str(i) for i in range(100 - TAIL_LINES, 100)]


def test_progress_is_asked_for_while_a_job_runs(tmp_path):
    calls = []
    run_jobs(
        [job(tmp_path, 'a', 'import time; time.sleep(0.5)')],
        update=lambda: calls.append(1),
        period=0.05,
    )
    assert len(calls) >= 2


def test_cores_are_shared_and_nobody_gets_none():
    threads = [int(sharing_cores(number)['OMP_NUM_THREADS']) for number in (1, 1000)]
    assert threads[0] >= threads[1] == 1
