"""Holds the output of `farthing batch` against the types of the `openai` package: judge_batch.py IN.jsonl OUT.jsonl

Every line of IN must be answered once; a body with status 200 must be a ChatCompletion or Completion, with no field of
the wrong type, and its usage must add up.
"""

import json
import sys

from openai.types import Completion
from openai.types.chat import ChatCompletion


def main(input_path, output_path):
    with open(input_path, encoding="utf-8") as file:
        wanted = {}
        for line in file:
            try:
                request = json.loads(line)
                wanted[request["custom_id"]] = request["url"]
            except (ValueError, KeyError, TypeError):
                pass
    answered = set()
    with open(output_path, encoding="utf-8") as file:
        for line in file:
            answer = json.loads(line)
            assert set(answer) == {"id", "custom_id", "response", "error"}, answer
            if answer["response"] is None:
                assert answer["error"]["code"] and answer["error"]["message"]
                continue
            custom_id = answer["custom_id"]
            assert custom_id in wanted and custom_id not in answered, custom_id
            answered.add(custom_id)
            body = answer["response"]["body"]
            if answer["response"]["status_code"] != 200:
                assert body["error"]["message"] and body["error"]["type"]
                continue
            kind = ChatCompletion if wanted[custom_id] == "/v1/chat/completions" else Completion
            completion = kind.model_validate(body, strict=True)
            usage = completion.usage
            assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
            assert 0 <= usage.prompt_tokens_details.cached_tokens < max(1, usage.prompt_tokens)
            assert completion.choices[0].finish_reason in ("stop", "length")
    assert answered == set(wanted), set(wanted) ^ answered
    print(f"{len(answered)} lines are as the openai package has them")


if __name__ == "__main__":
    main(*sys.argv[1:])
