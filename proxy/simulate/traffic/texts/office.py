"""Owns what people and products ask for: support, letters, translation, extraction, essays. Forms and words only."""

from __future__ import annotations

from proxy.simulate.traffic.texts.words import listed

SENTENCES = (
    "The {adj} {noun} {verb} the {noun:2} near {city}.",
    "In {city}, a {adj} {noun} {verb} every {adj:2} {noun:2}, though the {noun:3} {verb:2} it.",
    "{name} says the {noun} {verb} {noun:2} and {noun:3} alike.",
    "Between {#1820-2025} and the {adj} {noun}, {topic} {verb} the {noun:2}.",
    "Few {adj} {noun} plans survive {topic}.",
    "What {verb} a {noun} is its {adj} {noun:2}, as {name} of {city} found.",
    "Over {#11-97} percent of {noun} owners want {adj} {noun:2} rules.",
    "A {adj} {noun} {verb}; its {noun:2} {verb:2} only when the {adj:2} {noun:3} {verb:3}.",
    "{topic}, once {adj}, now {verb} {noun} budgets in {city} and {city:2}.",
    "Nobody in the {noun} office {verb} the {adj} {noun:2}, {name} noted on page {#2-480}.",
    "Each {noun} costs about {#3-990} euros, {#2-40:b} less than a {adj} one.",
    "As a {trade}, {name} {verb} {adj} {noun} samples before the {noun:2} {verb:2}.",
    "{head} {tail} {verb} its {adj} {noun} after {#2-30} {noun:2} complaints.",
    "If the {noun} {verb}, then {adj} {noun:2} from {city} {verb:2} too.",
)
"""Plain prose about nothing: what documents are made of."""

ESSAYS = (
    "Write {kind} about {topic} {audience}. {shape}",
    "{kind:2} on how {topic} relates to {topic:2}, with an example from {city}. {shape}",
    "Argue {side} {topic} as a {trade} would. {shape} {tone}",
    "outline for {kind} on {topic}, {#3-9} sections, focus on the {adj} {noun}",
    'Help me improve the first paragraph of my text on {topic}: "{sentence} {sentence:2}" {tone}',
    "Compare {topic} in {city} and in {city:2}. {shape} {tone}",
)
ESSAY_WORDS = {
    "kind": listed("""
a short essay|a blog post|a speech|a newspaper column|an abstract|a lesson plan|a podcast script|a poem|
a press release|a personal statement|a debate brief|a product story|a short story|an obituary|a book review|
a grant proposal"""),
    "audience": listed("""
for {#8-18:a} year olds|for experts|for a local newspaper|for my {trade} friends|in the style of a {adj} {trade}|
for a general audience|for a company newsletter|for visitors of {city:5}|"""),
    "shape": listed("""
About {#2-20:s}00 words.|Use {#2-7:s} headings.|No bullet points.|Start with a question.|
End with a call to action.|Include {#2-6:s} sources.|Keep the sentences short.|One page.|"""),
    "side": listed("for|against|both for and against|cautiously for"),
    "tone": listed("""
Make it warm.|Formal, please.|Keep my voice.|British spelling.|A little humour is fine.|Avoid jargon.|"""),
    "sentence": (
        "The {adj:3} {noun:3} of {topic:3} {verb:3} in {city:3}.",
        "When {name:3} first saw {topic:3}, the {noun:3} {verb:3}.",
        "Most {noun:3} debates {verb:3} {adj:3} facts.",
    ),
}

SUPPORT = (
    "{hello} my {product} {fault} after {#2-40} days. Order {#10000-99999}. {want}",
    "{hello} I was charged ${#5-480} twice on {day}, card ending {#1000-9999:b}. {want}",
    "the {product} I ordered to {city} {parcel}. {want}",
    "{hello} how do I {deed} in the {head} app? {device}",
    "Can I change my booking {#10000-99999} from {day} to {day:2}? {want}",
    "{hello} {deed} does not work since {day}, it says error {#100-999}. {device} {want}",
    "cancel my {head} {tail} plan please, I moved to {city}. {want}",
    "Is the {product} compatible with a {product:2}? I also have {#2-9} {goods}.",
)
SUPPORT_WORDS = {
    "hello": listed("Hi,|Hello,|hey|Good morning,|Dear team,|Urgent:|Sorry to bother,|hi there"),
    "fault": listed("""
stopped charging|makes a {adj:2} noise|smells of burning|will not pair|shows a {adj:2} light|leaks|
arrived scratched|freezes at {#10-90:f}%|lost its {noun:2}|trips the fuse"""),
    "want": listed("""
I want a refund.|What now?|Can you send a new one?|Please call me back.|How long will that take?|Thanks.|
Who do I talk to?|Third time I am asking!|"""),
    "day": listed("""
Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|1 March|12 April|3 May|28 June|15 July|2 August"""),
    "parcel": listed("""
never came|was left with {name}|is stuck in {city:2}|came without {goods}|went to {city:2}|is the wrong colour"""),
    "deed": listed("""
add a second user|change my e-mail|export my data|reset the PIN|share a {noun:2}|see last year's invoices|
turn off notifications|move my {noun:2} to {city:2}|pair a new phone|download the {noun:2} certificate"""),
    "device": listed("""
On Android {#9-16:d}.|iPhone {#11-17:d} here.|Windows {#7-11:d}.|I use Firefox.|On my {adj:3} tablet.|"""),
}

LETTERS = (
    "Write {letter} to {name}, {trade} at {head} {tail}, about {matter}. {manner}",
    "Reply to this mail, {manner:2}:\n\n{body}\n\n{name}",
    'make this sound more {adj}: "{body}"',
    "Shorten to {#20-90} words: {body} {body:2}",
    "Draft {letter} announcing that {head} {tail} {verb} its {adj} {noun} in {city}. {manner}",
    "Turn these notes into {letter}: {noun} / {adj} {noun:2} / {#2-90} {goods} / {name} / {city} / before "
    "{#1-28:b} {month}. "
    "{manner}",
)
LETTER_WORDS = {
    "letter": listed("""
an e-mail|a cover letter|a complaint|a reminder|an invitation|an apology|a reference|a resignation|meeting minutes|
a follow-up|a thank-you note|a job advert|a LinkedIn post|a tender reply"""),
    "matter": listed("""
the {adj:4} {noun:4}|a late {product} delivery|{topic}|a raise|our meeting in {city:4}|{#2-60:m} missing {goods:4}|
the {noun:4} audit|a new {trade:4} in the team|noise from the {noun:4}"""),
    "manner": listed("""
Friendly but firm.|Very short.|In {language:4}.|Formal.|No clichés.|Keep it under {#60-240:n} words.|"""),
    "body": (
        "Hi, the {adj:5} {noun:5} we agreed for {city:5} {verb:5} the {noun:6}. Could {name:5} send "
        "{#2-90:p} {goods:5} by "
        "{month:5}?",
        "Thanks for your visit. As discussed, {topic:5} {verb:5} our {adj:5} {noun:5}; {name:5} will take "
        "it from there.",
        "I am sorry, but the {noun:5} for {head:5} {tail:5} is {#2-30:p} days late because of the {adj:5} {noun:6}.",
    ),
    "month": listed("""
January February March April May June July August September October November December"""),
}

TRANSLATIONS = (
    "Translate into {language}: {line} {line:2}",
    "{language} please:\n\n{line}\n{line:3}",
    'How would a {trade} from {city} say "{line}" in {language}?',
    'Check my {language} translation of "{line}" and explain {#2-5} mistakes that learners make.',
)
TRANSLATION_WORDS = {
    "line": (
        "The {adj:6} {noun:6} {verb:6} the {noun:7}, so please bring {#2-40:q} {goods:6} to {city:6}.",
        "{name:6} asked whether the {trade:6} from {city:6} had seen the {adj:6} {noun:6}.",
        "Do not place {goods:6} near the {noun:6}; the {adj:6} surface {verb:6} heat.",
        "Under clause {#2-90:q}, the {noun:6} of {head:6} {tail:6} {verb:6} any {adj:6} {noun:7}.",
    ),
}

REVIEWS = (
    "{lead} {product}. {good} {bad} {end}",
    "{lead} stay in {city}. The {noun} was {adj}, the {noun:2} {adj:2}. {bad} {end}",
    "{#1-5} stars. {good} {end} (bought for my {trade} {name})",
    "{bad} {good} Would I buy the {product} again? {end}",
)
REVIEW_WORDS = {
    "lead": listed("""
Not bad, this|Disappointing|Love my|Third|Cheap but {adj:7}|Overpriced|A {adj:7} choice:|Finally a decent"""),
    "good": listed("""
The {noun:7} is {adj:8}.|Set-up took {#2-90:g} minutes.|It {verb:7} even {adj:8} {goods:7}.|
My {trade:7} recommended it.|Battery lasts {#2-60:g} hours.|Delivery to {city:7} was quick."""),
    "bad": listed("""
After {#2-30:h} weeks the {noun:8} broke.|The {noun:8} feels {adj:9}.|Support never answered.|
The manual is only in {language:7}.|It {verb:8} the {noun:8}.|Colour is {adj:9}, not as shown."""),
    "end": listed("""
Would not buy again.|Recommended.|Fine for the price.|Returned it.|Five stars for the {noun:9}.|Meh.|
Buy the {product:7} instead."""),
}

QUESTIONS = (
    "What is the difference between {topic} and {topic:2}?",
    "how many {goods} fit in a {adj} {noun}",
    "Best {noun} in {city} for a {trade}? I have {#2-9} days and {#40-900:b} euros.",
    "Explain {topic} to a {trade}. {how}",
    "Give me {#3-12} ideas for a {adj} {noun} with {goods}. {how}",
    "is it {adj} to {deed} when the {noun} {verb}?",
    "I am a {trade} in {city} and my {noun} {verb}. {deed:2}? {how}",
    "Plan {#2-14} days in {city} with {#1-4:b} kids who like {topic}. {how}",
    "Recipe with {goods}, no {noun}, for {#2-12} people. {how}",
    "quiz me on {topic}, {#5-20} questions, {adj} level",
    "Who invented the {noun} {noun:2} and what has {topic} to do with it? {how}",
    "{name} said {topic} {verb} {noun}. True?",
)
QUESTION_WORDS = {
    "deed": listed("""
sell my {noun:8}|learn {language}|switch to {topic:8}|repair a {product}|hire a {trade:8}|move to {city:8}|
store {goods:8}|invest {#2-90:i}00 euros|train for a {adj:8} run|ask for a discount|keep {goods:8} outside"""),
    "how": listed("""
Keep it short.|With sources.|Step by step.|In a table.|Be honest.|Pros and cons.|Like a friend would.|"""),
}

EXTRACTIONS = (
    "{date} {name} ({trade}) of {head} {tail}, {city}: {#2-90} x {goods} at {#2-480:b}.{#10-99:c} EUR, "
    "ref {#100000-999999:d}. {note}",
    "From: {name} To: {name:2} Re: {adj} {noun}. {note} Meeting {date} in {city}, bring {goods}. {note:2}",
    "Claim {#100000-999999}: insured {name}, {city}, {date}. The {product} {verb} the {noun}. Damage "
    "{#200-9900:b} EUR. {note}",
    "Patient {name}, {#18-94} years, {city}. Seen on {date} by Dr {name:2}. Complains of {adj} {noun} pain. {note}",
)
EXTRACTION_WORDS = {
    "date": ("{#1-28:x} March {#2019-2026:y}", "2025-0{#1-9:x}-{#10-28:y}", "{#1-12:x}/{#13-28:y}/24"),
    "note": listed("""
Paid by {name:9}.|Deliver to the {noun:9} gate.|See annex {#2-40:k}.|The {adj:9} {noun:9} is missing.|Urgent.|
Second notice.|Agreed by telephone with {name:9}.|Discount {#2-30:k}%."""),
}
