"""Dream through the API of a running studio: ``python studio_example.py ADDRESS``."""

import json
import sys

import httpx


def main(address, source="sample:built-in", network="facies-robust", settings=None):
    """Dream on a source, print every step, and save the settings of the result."""
    base, _, token = address.partition("/?token=")
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=600) as client:
        section = client.post("/api/sections", json={"source": source, "options": {}}).json()
        body = {"kind": "dream", "section": section["id"], "network": network, "settings": settings or {"steps": 5}}
        run = client.post("/api/runs", json=body).json()
        with client.stream("GET", f"/api/runs/{run['id']}/events") as events:
            name = ""
            for line in events.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if line.startswith("data: ") and name == "step":
                    step = json.loads(line.removeprefix("data: "))
                    print(f"{step['state']:4}  {step['score']:.4g}")
        with open("dream.json", "wb") as file:
            file.write(client.get(f"/api/runs/{run['id']}/export/settings").content)
        print(client.get(f"/api/runs/{run['id']}/commands").json()["command"])


if __name__ == "__main__":
    main(sys.argv[1])
