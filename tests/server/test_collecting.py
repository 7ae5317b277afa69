"""What a server has at its start is for good: the garbage collector leaves it alone."""

import json
import subprocess
import sys

LOOK = """
import asyncio, gc, json
import uvicorn
from passmuster_server.serving import Server

kept = [[number] for number in range(50_000)]
seen = []

async def lifespan(scope, receive, send):
    await receive()
    seen.append(gc.isenabled())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})

async def main():
    config = uvicorn.Config(lifespan, port=0, log_config=None, lifespan="on")
    config.load()
    server = Server(config, drain_s=0)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    print(json.dumps({
        "while_loading": seen[0],
        "after": gc.isenabled(),
        "looked_at": len(gc.get_objects()),
        "left_alone": gc.get_freeze_count(),
    }))
    for one in server.servers:
        one.close()
    await server.lifespan.shutdown()

asyncio.run(main())
"""


def test_it_is_not_gone_through_while_it_is_loaded_or_after() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(done.stdout)
    assert not found["while_loading"]
    assert found["after"], "what comes later is collected"
    assert found["left_alone"] > 50_000
    assert found["looked_at"] < 5_000
