"""A setting that is misspelt in the environment is told of; what Kubernetes puts there is not."""

from __future__ import annotations

import pytest

from proxy.cli.variables import warn_of_unknown


def told(caplog: pytest.LogCaptureFixture, *names: str) -> dict[str, str]:
    """The hint that is given for each of `names` that is warned of."""
    caplog.clear()
    warn_of_unknown(dict.fromkeys(names, "x"))
    return {vars(record)["variable"]: vars(record)["hint"] for record in caplog.records}


def test_a_variable_that_nothing_reads_is_told_with_what_was_most_likely_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert told(caplog, "STILLGATE_POLICY_FILE", "STILLGATE_DRAIN_SECOND", "STILLGATE_COLOUR") == {
        "STILLGATE_COLOUR": "stillgate serve --help lists the variables",
        "STILLGATE_DRAIN_SECOND": "did you mean STILLGATE_DRAIN_SECONDS?",
        "STILLGATE_POLICY_FILE": "only secrets are read from a file that a variable names; set STILLGATE_POLICY itself",
    }


def test_settings_of_either_verb_secrets_in_files_and_other_programs_variables_are_nothing_to_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = ("STILLGATE_POLICY", "STILLGATE_METRICS_LISTEN", "STILLGATE_HASH_KEY", "STILLGATE_HASH_KEY_FILE", "PATH")
    assert told(caplog, *known) == {}


def test_what_kubernetes_makes_for_a_service_of_that_name_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    made = [
        "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_PROTO",
        "PORT_8080_TCP_PORT", "PORT_8080_TCP_ADDR", "ADMIN_SERVICE_HOST", "ADMIN_PORT", "ADMIN_PORT_9464_TCP_ADDR",
    ]  # fmt: skip
    assert told(caplog, *(f"STILLGATE_{name}" for name in made)) == {}
    assert list(told(caplog, "STILLGATE_SERVICE", "STILLGATE_PORTS")) == ["STILLGATE_PORTS", "STILLGATE_SERVICE"]
