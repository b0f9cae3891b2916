"""Every metric that stillgate exports: name, unit, labels and meaning, in this one place.

No label ever carries an account, a key, an address or free text.
"""

from prometheus_client import disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # more series, one a counter, which nothing of ours reads
