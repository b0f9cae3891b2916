"""stillgate: a reverse proxy that holds quotas and distillation campaigns in front of a model API.

Each sub-package is one stage of an exchange's way; `pipeline.py` alone knows their order.
"""

__version__ = "0.1.0"
