"""Whether the stillgate in this container answers: `serve` does on its admin port, `analyse` on its metrics port."""

import http.client
import os


def answers(address: str) -> bool:
    """Asks the port itself; urllib would obey a proxy variable of the environment."""
    connection = http.client.HTTPConnection("127.0.0.1", int(address.rpartition(":")[2]), timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False


raise SystemExit(not any(answers(os.environ[name]) for name in ("STILLGATE_ADMIN", "STILLGATE_METRICS_LISTEN")))
