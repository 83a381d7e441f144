"""The official `openai` client against the gateway: it streams and fails as it would elsewhere.

Needs a gateway with its default configuration in front of the simulated upstream, at
STAGELIGHT_STACK_GATEWAY_URL with the key STAGELIGHT_STACK_API_KEY. One check waits for the gateway's
time-out, of which STAGELIGHT_STACK_TIMEOUT_SECONDS tells the length if it is not the default 30 s.
Prints one line for each check, and exits with 0 only if all of them hold.
"""

import os
import sys
import traceback
from functools import partial

import openai

GATEWAY = os.environ["STAGELIGHT_STACK_GATEWAY_URL"].rstrip("/")
MODEL = "northwind-mini"
MESSAGES = [{"role": "user", "content": "say a word"}]
# What the simulated upstream says to begin with.
WORDS = ["light", " falls", " on", " every", " stage"]

# The client retries by default; then the first answer would not be what is seen.
client = openai.OpenAI(
    base_url=f"{GATEWAY}/v1",
    api_key=os.environ["STAGELIGHT_STACK_API_KEY"],
    max_retries=0,
    timeout=20,
)


def ask(sim="", client=client, **more):
    """Asks for a completion of the shape that `sim` tells."""
    arguments = {"model": MODEL, "messages": MESSAGES, **more}
    return client.chat.completions.create(**arguments, extra_headers={"x-sim": sim})


def raises(kind, call, **expected):
    """Returns the error that `call` ends with, after a look at its type and fields."""
    try:
        call()
    except openai.OpenAIError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        for name, value in expected.items():
            found = getattr(error, name)
            assert found == value, f"{name} is {found!r} instead of {value!r}"
        return error
    raise AssertionError(f"no error instead of {kind.__name__}")


def a_stream_has_a_chunk_for_each_token():
    chunks = list(ask("ttft=5ms,tokens=5,token-interval=1ms", stream=True))
    assert [it.choices[0].delta.content for it in chunks] == [*WORDS, None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {it.model for it in chunks} == {MODEL}


def a_stream_ends_with_its_usage_when_asked():
    chunks = list(ask("tokens=5", stream=True, stream_options={"include_usage": True}))
    usage = chunks[-1].usage
    assert chunks[-1].choices == []
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 5, 8)


def a_stream_can_be_left_early():
    with ask("tokens=1000,token-interval=10ms", stream=True) as stream:
        assert next(stream).choices[0].delta.content == WORDS[0]


def a_whole_completion_has_text_and_usage():
    completion = ask("tokens=5")
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.content == "".join(WORDS)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == 8


def a_token_limit_cuts_the_completion():
    completion = ask("tokens=5", max_completion_tokens=2)
    assert completion.choices[0].message.content == "".join(WORDS[:2])
    assert completion.choices[0].finish_reason == "length"


def the_models_are_listed():
    models = {it.id: it.owned_by for it in client.models.list()}
    assert models[MODEL] == "northwind", models
    assert 3 <= len(models) and 2 <= len(set(models.values())), models


def a_wrong_key_is_an_authentication_error():
    stranger = client.with_options(api_key="not-a-key")
    expected = {"status_code": 401, "code": "invalid_api_key", "type": "invalid_request_error"}
    raises(openai.AuthenticationError, partial(ask, client=stranger), **expected)
    raises(openai.AuthenticationError, stranger.models.list, **expected)


def a_bad_field_is_a_bad_request():
    expected = {"status_code": 400, "param": "temperature", "type": "invalid_request_error"}
    error = raises(openai.BadRequestError, partial(ask, temperature=3), **expected)
    assert "from 0 to 2" in error.message
    robot = [{"role": "robot", "content": "x"}]
    for messages, param in [([], "messages"), (robot, "messages[0].role")]:
        expected["param"] = param
        raises(openai.BadRequestError, partial(ask, messages=messages), **expected)


def an_unknown_model_is_not_found():
    expected = {"status_code": 404, "param": "model", "code": "model_not_found"}
    raises(openai.NotFoundError, partial(ask, model="no-such-model"), **expected)


def a_body_that_is_too_large_is_refused():
    huge = [{"role": "user", "content": "x" * (2 << 20)}]
    expected = {"status_code": 413, "code": "request_too_large"}
    raises(openai.APIStatusError, partial(ask, messages=huge), **expected)


def a_busy_provider_is_a_rate_limit_error():
    for stream in [False, True]:
        call = partial(ask, "ttft=0s,error=429", stream=stream)
        error = raises(openai.RateLimitError, call, status_code=429, code="rate_limit_exceeded")
        assert error.response.headers["retry-after"] == "1"


def a_failing_provider_is_an_internal_server_error():
    for stream in [False, True]:
        call = partial(ask, "ttft=0s,error=500", stream=stream)
        expected = {"status_code": 502, "code": "upstream_failure", "type": "server_error"}
        raises(openai.InternalServerError, call, **expected)


def the_client_tries_again_as_it_does_by_default():
    retrying = client.with_options(max_retries=1)
    raises(openai.InternalServerError, partial(ask, "ttft=0s,error=500", retrying), status_code=502)


def a_client_that_does_not_wait_has_a_timeout_error():
    hasty = client.with_options(timeout=0.3)
    raises(openai.APITimeoutError, partial(ask, "ttft=5s", hasty))


def a_silent_provider_is_a_gateway_timeout():
    patience = int(os.environ.get("STAGELIGHT_STACK_TIMEOUT_SECONDS", "30"))
    waiting = client.with_options(timeout=patience + 10)
    call = partial(ask, f"ttft={patience + 5}s", waiting)
    expected = {"status_code": 504, "code": "upstream_timeout", "type": "timeout_error"}
    raises(openai.InternalServerError, call, **expected)


def a_broken_stream_is_an_error():
    seen = []
    try:
        for chunk in ask("tokens=5,token-interval=20ms,break-after=2", stream=True):
            seen.append(chunk.choices[0].delta.content)
    except Exception as error:
        assert "peer closed" in str(error) or "Connection" in type(error).__name__, repr(error)
        assert seen == WORDS[:2], seen
        return
    raise AssertionError(f"ended without an error after {seen}")


CHECKS = [
    a_stream_has_a_chunk_for_each_token,
    a_stream_ends_with_its_usage_when_asked,
    a_stream_can_be_left_early,
    a_whole_completion_has_text_and_usage,
    a_token_limit_cuts_the_completion,
    the_models_are_listed,
    a_wrong_key_is_an_authentication_error,
    a_bad_field_is_a_bad_request,
    an_unknown_model_is_not_found,
    a_body_that_is_too_large_is_refused,
    a_busy_provider_is_a_rate_limit_error,
    a_failing_provider_is_an_internal_server_error,
    the_client_tries_again_as_it_does_by_default,
    a_client_that_does_not_wait_has_a_timeout_error,
    a_silent_provider_is_a_gateway_timeout,
    a_broken_stream_is_an_error,
]


def main():
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check()
        except Exception:
            failed += 1
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
        else:
            print(f"ok     {name}", flush=True)
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks hold", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
