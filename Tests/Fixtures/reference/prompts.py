"""Twenty conversations for the greedy comparison: short and long, with and without a system message, several turns,
code, numbers, other scripts, and text that a tokenizer may stumble over."""

USER = "user"


def ask(text, system=None):
    head = [dict(role="system", content=system)] if system is not None else []
    return head + [dict(role=USER, content=text)]


CONVERSATIONS = [
    ask("Give me three uses for a paper clip."),
    ask("What is the capital of Portugal?"),
    ask("Write a haiku about rain on a tin roof."),
    ask("Explain to a ten-year-old why the sky is blue.", system="You are a patient teacher."),
    ask("What is 17 * 23 + 1999? Show each step."),
    ask("Write a Python function that returns the n-th Fibonacci number.\n\nUse a loop, not recursion."),
    ask("Translate to French: \"Where is the nearest railway station?\""),
    ask("Summarise in one sentence: The committee met on Tuesday, 4 March 1997, to discuss the budget. After three "
        "hours no agreement had been reached, and the chair adjourned the meeting until the following week, when two "
        "further members are expected to attend and the treasurer will present revised figures."),
    ask("List the planets of the solar system in order of distance from the sun.", system="Answer in as few words as "
        "possible."),
    ask("Que signifie le mot « déjà-vu » ? Réponds en français, s'il te plaît."),
    ask("请用一句话介绍北京。"),
    ask("Назови три реки в Европе."),
    ask("I feel 😟 today... any advice? 🙏"),
    ask("Fix the bug:\n\n```c\nint sum(int *a, int n) {\n    int s;\n    for (int i = 0; i <= n; i++)\n        s += a[i];\n"
        "    return s;\n}\n```"),
    [dict(role=USER, content="My name is Ada."), dict(role="assistant", content="Hello Ada! How can I help you today?"),
     dict(role=USER, content="What is my name, and how many letters has it?")],
    [dict(role="system", content="You speak like a pirate."), dict(role=USER, content="Where should I go on holiday?"),
     dict(role="assistant", content="Arr, set sail for the Caribbean, matey!"),
     dict(role=USER, content="And what should I pack?")],
    ask("Continue the series: 2, 4, 8, 16, 32,"),
    ask("Write a short story about a lighthouse keeper who finds a message in a bottle.", system=""),
    ask("Return JSON with the keys \"name\", \"year\" and \"country\" for the first person on the Moon."),
    ask("   What    does\tHTTP stand for?   \n"),
]
