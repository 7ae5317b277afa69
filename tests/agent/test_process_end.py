import select
import subprocess
import sys

from passmuster_agent.process_end import ProcessEnd

LONG_S = 20.0


def test_it_becomes_readable_when_the_child_ends_and_takes_nothing_of_its_words() -> None:
    program = "import sys; sys.stdin.read(); print('the last word')"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        end = ProcessEnd(child)
        assert select.select([end.fileno()], [], [], 0.0)[0] == [], "it still runs"
        assert child.stdin is not None
        child.stdin.close()
        assert select.select([end.fileno()], [], [], LONG_S)[0] == [end.fileno()]
        child.stdin = None
        assert child.communicate()[0] == b"the last word\n"
        end.close()
