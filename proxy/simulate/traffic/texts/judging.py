"""Owns prompts about other models' answers and traces: grading, comparing, cleaning. Forms and words only."""

from __future__ import annotations

from proxy.simulate.traffic.texts.words import listed

GRADINGS = (
    "Question: {question}\n\nAnswer: {answer} {answer:2}\n\nReference: {answer:3}",
    "[task] {question}\n[response A] {answer} {answer:2}\n[response B] {answer:3} {answer:4}",
    "Student {#1000-9999}: {question} -> {answer} {answer:3}",
    "{question}\n---\n{answer}\n{answer:2}\n{answer:4}\n---\nfocus: {criterion}, {criterion:2}",
)
GRADING_WORDS = {
    "question": listed("""
Why does {topic} matter in {city}?|How does the {noun} {verb} the {noun:2}?|Describe {topic} in {#2-9:q} steps.|
What {verb} a {adj} {noun}?|How many {goods} does {name} need for {#3-40:q} guests?|Explain {topic} to a {trade}."""),
    "answer": listed("""
It depends on the {adj:3} {noun:3}.|First the {noun:3} {verb:3}, then {topic:3} follows.|
About {#4-980:r} {goods:3}.|{name:3} showed in {#1890-2024:r} that it {verb:3}.|
Because every {trade:3} in {city:3} {verb:3} it.|The {noun:3} is {adj:3}, so it {verb:3}."""),
    "criterion": listed("""
accuracy completeness clarity tone safety grounding brevity style reasoning originality coverage format"""),
}

TRACES = (
    "step 1: {thought}\nstep 2: {thought:2}\nstep 3: {thought:3}\nresult: {#2-9900}",
    "<trace>{thought} {wait} {thought:2} {thought:4}</trace>\n<answer>{#2-9900}</answer>",
    "assistant: {thought}\ntool[{noun}]: {#100-999}\nassistant: {wait} {thought:2}\ntool[{noun:2}]: "
    "{adj}\nassistant: {thought:3}",
    "{thought} {thought:2} {wait} {thought:3} So the answer is {#2-9900}.",
)
TRACE_WORDS = {
    "thought": listed("""
The {noun:4} has {#2-98:t} {goods:4}, so I split them.|{name:4}'s rate is {#3-96:t} per hour.|
Check the {adj:4} case first.|If the {noun:4} {verb:4}, nothing changes.|We need the {noun:4} before {city:4}.|
Multiply by {#2-64:t} and subtract {#2-99:w}.|The {trade:4} gives {#2-99:t}."""),
    "wait": listed("""
Wait, that is wrong.|Let me recheck.|Hmm.|Alternatively,|But the {noun:5} says otherwise.|Right."""),
}
