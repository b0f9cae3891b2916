"""stillgate: a reverse proxy that enforces quotas and finds distillation campaigns in front of a model API.

The way of an exchange, whose order `pipeline.py` alone knows; `exchange.py` is what travels it:

    handlers      HTTP with the client
    identity      who asks: account, network, client software
    dialects      what is asked, in each API's wire format, and what an answer used
    policy        which rules apply: the YAML, compiled
    enforcement   what a verdict has done with a request
    admission     the buckets: reserve all or nothing, settle later (`charging`: what it costs; `refusals`: who says no)
    upstream      HTTP with the model API
    events        what is told of an exchange, without its content
    detect        what accounts have in common; `verdict` weighs it; `detection` is what the pipeline sees of both

Around it:

    serving       the process of `serve`: its parts, its life, its workers
    analysis      the analyst of a process of its own, or beside the requests of one that serves
    admin         the operators' pages; `observe`, `metrics` and `tallies` are what Prometheus is told
    explain       a decision: which rules match, why the others do not, how their buckets stand
    simulate      the same pipeline in virtual time: replay, policy tests, made-up traffic
    reports       a campaign for people to read
    demo, cli     what a shell starts
"""

__version__ = "0.1.0"
