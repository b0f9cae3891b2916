"""Owns which wire format a request line speaks. Knows nothing of bodies."""

from __future__ import annotations

import re

from proxy.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from proxy.dialects.dialect import Dialect
from proxy.dialects.gemini_embeddings import GEMINI_EMBEDDINGS
from proxy.dialects.gemini_generate import GEMINI_GENERATE
from proxy.dialects.gemini_paths import method_of, plainly
from proxy.dialects.opaque import OPAQUE_ANTHROPIC, OPAQUE_GOOGLE, OPAQUE_OPENAI
from proxy.dialects.openai_chat import OPENAI_CHAT
from proxy.dialects.openai_completions import OPENAI_COMPLETIONS
from proxy.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from proxy.dialects.openai_responses import OPENAI_RESPONSES

_BY_PATH = {
    "/v1/messages": ANTHROPIC_MESSAGES,
    "/v1/chat/completions": OPENAI_CHAT,
    "/v1/responses": OPENAI_RESPONSES,
    "/v1/completions": OPENAI_COMPLETIONS,
    "/v1/embeddings": OPENAI_EMBEDDINGS,
}
_BY_METHOD = {
    "generatecontent": GEMINI_GENERATE,
    "streamgeneratecontent": GEMINI_GENERATE,
    "embedcontent": GEMINI_EMBEDDINGS,
    "batchembedcontents": GEMINI_EMBEDDINGS,
    "counttokens": OPAQUE_GOOGLE,
    "batchgeneratecontent": OPAQUE_GOOGLE,
    "asyncbatchembedcontent": OPAQUE_GOOGLE,
    "predict": OPAQUE_GOOGLE,
    "predictlongrunning": OPAQUE_GOOGLE,
    "rawpredict": OPAQUE_GOOGLE,
    "streamrawpredict": OPAQUE_GOOGLE,
}
"""Of `…/models/{model}:{method}`, in lower case."""
_GOOGLE_VERSION = re.compile(r"/v\d+(?:alpha|beta)\d*/(?!openai/)|/v1/projects/[^/]+/locations/")
"""Nearly all of its APIs that are meant here have not come to a version 1 yet."""
_GOOGLES_OPENAI = re.compile(r"/v1beta/openai/|/endpoints/openapi/")
"""Where they speak OpenAI's, at Gemini and at Vertex."""
DIALECTS = {dialect.name: dialect for dialect in (*_BY_PATH.values(), *_BY_METHOD.values(), OPAQUE_OPENAI)}
"""Every dialect by its name."""


def dialect_for(method: str, path: str, *, anthropic_version: bool = False) -> Dialect:
    """The dialect of a request line; `anthropic_version` where the request has a header of that name.

    A prefix before `/v1`, a query and another spelling of the same path make no difference, so that none slips past the
    quotas of tokens. What is read by no dialect is opaque, in the family that it looks like.
    """
    path = path.partition("?")[0]
    place = _from_v1(path)
    dialect = _BY_PATH.get(place)
    if dialect is None:
        path = plainly(path).lower()
        # Whatever the request's own method: a header says another one to Google.
        if (google := _BY_METHOD.get(method_of(path))) is not None:
            return google
        place = _from_v1(_GOOGLES_OPENAI.sub("/v1/", path))
        dialect = _BY_PATH.get(place)
    if dialect is not None and method == "POST":
        return dialect
    if anthropic_version or (place + "/").startswith("/v1/messages/"):
        return OPAQUE_ANTHROPIC
    return OPAQUE_GOOGLE if _GOOGLE_VERSION.search(path + "/") else OPAQUE_OPENAI


def _from_v1(path: str) -> str:
    start = path.rfind("/v1/")
    return path[start:] if start > 0 else path
