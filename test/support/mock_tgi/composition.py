"""Composes an answer out of the words of a prompt: the stand-in for a model's weights.

The rule is the same for every prompt. The words that carry meaning become the topics; the
first word tells a yes-or-no question from the others; a random source, which the caller
seeds from the prompt, picks the sentences.
"""

import random
import re
from collections.abc import Iterator


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_AUXILIARIES = _words("""
    am are can could did do does had has have is may might must shall should was were will would
""")
_QUESTION_WORDS = _words("how what when where which who whom whose why")
_WITHOUT_MEANING = (
    _AUXILIARIES
    | _QUESTION_WORDS
    | _words("""
        a about actually all also an and any as at be been but by for fr from get give good he her
        his i if in into it its just like lol make me my no not of on one or our please quite really
        she so some tell that the their them then there these they this those to too us very we with
        yes you your
    """)
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MAX_TOPICS = 4

_OPENINGS = {
    "yes or no": (
        "Yes, in a way: when it comes to {topics}, more is possible than it seems.",
        "Probably not on its own: {topics} would need a good deal of help from outside.",
        "It depends: with {topics}, the order of things matters more than the effort.",
        "Yes, but rarely: {topics} would all have to come together at the right moment.",
    ),
    "question": (
        "The short answer is that {topics} can only be understood one step at a time.",
        "Most explanations start with {first} and work their way to {last}.",
        "There is no single reason, but {topics} would be a good place to look.",
        "It is simpler than it sounds, once {first} is seen for what it is.",
    ),
    "statement": (
        "That is a fair point about {topics}, and worth a closer look.",
        "Much has been said about {topics}, and some of it is even true.",
        "Fine, let us take {first} first and see where it leads.",
        "Noted: {topics}, in that order.",
    ),
}
_MIDDLES = (
    "People who have tried it with {first} report much the same.",
    "The part about {last} is where opinions differ.",
    "None of this needs special tools, only some patience.",
    "Older sources claim the opposite, but they seldom say why.",
    "A small experiment with {first} settles it better than a long debate.",
    "What surprises most people is how little {last} changes the outcome.",
    "It also helps to know where {first} ends and {last} begins.",
    "The numbers are on the side of caution here.",
)
_ENDINGS = (
    "So the best course is to try it once and see.",
    "In the end, {topics} will always leave room for doubt.",
    "Beyond that, nobody can say for certain.",
    "That is about all there is to say on {first}.",
)


def sentences(prompt: str, source: random.Random) -> Iterator[str]:
    """Yields the sentences of one answer: an opening, two to five more, an ending."""
    topics = _topics(prompt)
    words = {"topics": _enumerate(topics), "first": topics[0], "last": topics[-1]}
    middles = source.sample(_MIDDLES, source.randint(2, 5))
    for sentence in (
        source.choice(_OPENINGS[_kind(prompt)]),
        *middles,
        source.choice(_ENDINGS),
    ):
        yield sentence.format(**words)


def _kind(prompt: str) -> str:
    words = _WORD.findall(prompt.lower())
    if words and words[0] in _AUXILIARIES:
        return "yes or no"
    if prompt.rstrip().endswith("?") or (words and words[0] in _QUESTION_WORDS):
        return "question"
    return "statement"


def _topics(prompt: str) -> list[str]:
    words = dict.fromkeys(
        word for word in _WORD.findall(prompt) if word.lower() not in _WITHOUT_MEANING
    )
    return list(words)[:_MAX_TOPICS] or ["this"]


def _enumerate(topics: list[str]) -> str:
    if len(topics) == 1:
        return topics[0]
    return f"{', '.join(topics[:-1])} and {topics[-1]}"
