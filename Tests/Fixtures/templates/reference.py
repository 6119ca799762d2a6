"""Jinja as Hugging Face transformers sets it up, with a clock that stands still: the judge of chat templates.

Needs transformers 5 and jinja2 3.1 (`pip install transformers jinja2`). Nothing here runs outside the making of
fixtures.
"""
import copy
import datetime
import functools

import jinja2
import transformers.utils.chat_template_utils as chat

# 26 July 2026, 09:05:03: a Sunday, with one-digit hour, minute and second.
NOW = datetime.datetime(2026, 7, 26, 9, 5, 3)
SECONDS = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp())


class _Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat.datetime = _Clock


_compiled = functools.lru_cache(maxsize=8)(chat._cached_compile_jinja_template)


def outcome(source, context):
    """What the reference makes of a template: ("out", text), ("parse", message), ("raised", message) or
    ("render", message)."""
    try:
        template = _compiled(source)
    except (jinja2.TemplateSyntaxError, SyntaxError) as error:
        return "parse", str(error)
    try:
        # A copy, since some filters change lists in passing.
        text = template.render(**copy.deepcopy(context))
        text.encode("utf-8")
        return "out", text
    except jinja2.exceptions.TemplateError as error:
        kind = "raised" if type(error) is jinja2.exceptions.TemplateError else "render"
        return kind, str(error)
    except Exception as error:
        return "render", f"{type(error).__name__}: {error}"


def aliased(messages):
    return chat._alias_reasoning_fields(messages)
