"""Conversations that tell templates apart, as contexts: what `apply_chat_template` hands over."""
import copy

from reference import aliased

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "Tells the weather.\nNever wrong.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "City, e.g. \"Zürich\" <b>"},
                "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
                "days": {"type": ["integer", "null"], "description": "How many", "minimum": 1},
                "where": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                          "required": ["lat"]},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            },
            "required": ["city"],
        },
        "return": {"type": "string", "description": "a report"},
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {
    "type": "object", "properties": {}}}}
TOOLS = [WEATHER, CLOCK]


def say(role, content, **fields):
    return {"role": role, "content": content, **fields}


def call(name, arguments, number=1):
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}


HI = say("user", "Hi there")
SYSTEM = say("system", "You are  helpful.\n")
ANSWER = say("assistant", "Hello! <How> can I 'help'?")
MORE = say("user", " Tell me more:\n\n  - über 世界 😀 e\u0301\t")
CALL = say("assistant", None, tool_calls=[call("get_weather", {"city": "Zürich", "days": 2, "where": {"lat": 1.5}})])
TWO_CALLS = say("assistant", "Let me see.", tool_calls=[
    call("get_weather", {"city": "A\"b", "tags": ["x", "y"], "unit": None}, 1), call("now", {}, 2)])
TEXT_CALL = say("assistant", "", tool_calls=[call("get_weather", "{\"city\": \"Oslo\"}")])
RESULT = say("tool", "{\"temperature\": 21.5}", name="get_weather", tool_call_id="call00001")
RESULT2 = say("tool", "12:00", name="now", tool_call_id="call00002")
THOUGHT = say("assistant", "42", reasoning_content="I think\nso.")
INLINE = say("assistant", "<think>\nhm\n</think>\n\n42 it is")
PARTS = say("user", [{"type": "text", "text": "What is"}, {"type": "text", "text": " this?"}])
IMAGE = say("user", [{"type": "image"}, {"type": "text", "text": "What is this?"}])

MESSAGES = {
    "user": [HI], "system": [SYSTEM, HI], "turns": [HI, ANSWER, MORE], "system-turns": [SYSTEM, HI, ANSWER, MORE],
    "long": [SYSTEM, HI, ANSWER, MORE, INLINE, HI, THOUGHT, MORE], "answered": [HI, ANSWER],
    "thought": [HI, THOUGHT, MORE], "inline-thought": [SYSTEM, HI, INLINE, MORE, INLINE],
    "empty": [], "only-system": [SYSTEM], "two-users": [HI, MORE], "assistant-first": [ANSWER, HI],
    "unknown-role": [say("wizard", "Abracadabra"), HI], "late-system": [HI, ANSWER, SYSTEM, MORE],
    "empty-text": [say("system", ""), say("user", ""), say("assistant", ""), say("user", "x")],
    "developer": [say("developer", "Be terse."), HI],
    "parts": [PARTS], "parts-turns": [say("system", [{"type": "text", "text": "Sys"}]), PARTS,
                                      say("assistant", [{"type": "text", "text": "A"}]), PARTS],
    "image": [IMAGE], "no-content": [{"role": "user"}], "null-content": [HI, say("assistant", None), MORE],
    "call": [HI, CALL], "call-result": [SYSTEM, HI, CALL, RESULT], "call-answer": [HI, CALL, RESULT, ANSWER, MORE],
    "two-calls": [SYSTEM, HI, TWO_CALLS, RESULT, RESULT2, ANSWER], "text-call": [HI, TEXT_CALL, RESULT],
    "thought-call": [HI, dict(CALL, reasoning_content="Look up."), RESULT, THOUGHT, MORE],
    "result-parts": [HI, CALL, say("tool", [{"type": "text", "text": "sunny"}], tool_call_id="call00001")],
}

EXTRA = {
    "": {}, "think": {"enable_thinking": True}, "no-think": {"enable_thinking": False},
    "more": {"thinking": True, "reasoning_effort": "low", "date_string": "26 Jul 2024", "custom_tools": None,
             "documents": [{"title": "T1", "text": "Text one"}, {"title": "T2", "text": "Text two", "doc_id": 7}],
             "builtin_tools": ["browser", "python", "code_interpreter"], "tools_in_user_message": False,
             "model_identity": "You are a model.", "keep_past_thinking": True, "preserve_thinking": True,
             "available_tools": None, "controls": {"length": "short"}, "response_format": {"type": "json_object"},
             "add_vision_id": True, "clear_thinking": False, "safety_mode": "NONE", "citations": True},
}
BOS, EOS = "<s>", "</s>"


def contexts():
    """Name and context of every combination worth its time."""
    for name, messages in MESSAGES.items():
        with_tools = [None, TOOLS] if "call" in name or name in ("user", "system", "turns", "parts", "long") else [None]
        for tools in with_tools:
            for extra, values in EXTRA.items():
                if extra and name not in ("user", "system-turns", "long", "thought", "call-result", "thought-call"):
                    continue
                for prompt in (True, False):
                    context = {
                        "messages": aliased(copy.deepcopy(messages)), "tools": copy.deepcopy(tools),
                        "documents": None, "add_generation_prompt": prompt, "bos_token": BOS, "eos_token": EOS,
                        **copy.deepcopy(values),
                    }
                    yield "/".join([name, "tools" if tools else "-", extra or "-", "prompt" if prompt else "-"]), context
