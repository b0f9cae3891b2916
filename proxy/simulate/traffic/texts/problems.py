"""Owns problems with an answer: word problems, puzzles, coding tasks, bugs. Forms and their words only."""

from __future__ import annotations

from proxy.simulate.traffic.texts.words import listed

WORD_PROBLEMS = (
    "{name} buys {#3-48} {goods} at ${#2-19} each and {#2-36} {goods:2} at ${#3-27:b} each. {twist} {ask}",
    "A shop in {city} sells {#40-960} {goods} a week. {change} {ask}",
    "{name} and {name:2} share {#60-990} {goods}. {name} gets {#2-9} times as many as {name:2}. {twist} {ask}",
    "A train leaves {city} at {#40-160} km/h and another leaves {city:2}, {#180-990} km away, {#10-90:b} "
    "minutes later at "
    "{#50-190:c} km/h in the opposite direction. {ask}",
    "In {city} there are {#12-98} shelves with {#8-64} {goods} each. {name} moves {#3-88:b} of them to the store room. "
    "{change} {ask}",
    "{name} saves ${#5-95} a month. After {#4-36} months {name} spends {#5-60:b}% of it on {goods}. {twist} {ask}",
    "A tank holds {#120-990} litres. One pipe fills it in {#2-18} hours, another empties it in {#19-60:b} "
    "hours. {name} opens "
    "both for {#1-12:c} hours. {ask}",
    "The average weight of {#4-30} {goods} is {#100-900:b} grams. When {name} takes one of {#90-990:c} "
    "grams away, what is the "
    "average of the rest? {ask}",
    "{name} can paint a fence in {#2-14} hours and {name:2} in {#3-19:b} hours. {twist} How long do they "
    "need together?",
    "A number between {#100-400} and {#500-999:b} leaves remainder {#1-6:c} when divided by {#7-19:d}. "
    "{name} claims there are "
    "exactly {#3-60:e} such numbers. Is {name} right?",
    "A rectangle in {city}'s park is {#12-95} m longer than it is wide and its perimeter is {#200-980:b} "
    "m. {ask} Give the area.",
    "Of {#80-900} people asked in {city}, {#20-79:b}% like {topic}, {#10-69:c}% like {topic:2} and "
    "{#2-9:d}% like both. {ask}",
)
PROBLEM_WORDS = {
    "twist": listed("""
The seller then gives {#2-35:t}% off the total.|A friend brings {#2-48:t} more.|
Tax of {#3-25:t}% is added at the end.|Then {#2-9:t} of them break.|Half of that is given away on Monday.|
Each costs twice as much on Sunday.|Nothing is left over at the end."""),
    "change": listed("""
On Friday sales rise by {#4-60:u}%.|Then {#5-55:u} are returned.|Next week a delivery of {#20-240:u} arrives.|
Every {#2-9:u}th one is faulty.|The price drops from ${#12-60:u} to ${#4-11:v}."""),
    "ask": listed("""
How many are left?|What is the total?|How much is that in all?|How long does it take?|What fraction is that?|
Find the exact value.|Round to two decimals.|How much more is that than before?|Show each step.|
Give just the number at the end."""),
}

CODING_TASKS = (
    "Write a {code} function that {task}. {limit} {extra}",
    "Implement {structure} in {code} with the operations {operation}, {operation:2} and {operation:3}. {limit}",
    "In {code}, given {input}, return {output}. {limit} {extra}",
    "I need a {code} program that {task}, reading from {source} and writing to {sink}. {extra}",
    "Design a {structure} for {topic} data in {code}: it must support {operation} in {order} and "
    "{operation:2} in {order:2}. "
    "{extra}",
    "Given {input} with up to {#10-999}000 entries, find {output} in {order}. Explain the complexity. {extra}",
    "Refactor a {code} service built on {library} so that it {task}. {limit} {extra}",
    "Using {library}, show how to build a {adj} {noun} page where the user {task:2}. {extra}",
)
CODING_WORDS = {
    "task": listed("""
merges overlapping intervals of {noun} bookings|counts inversions in a list of {noun} ids|
parses {noun} records from a log|finds the longest run without a repeated {noun}|groups {goods} by their {adj} key|
validates {noun} numbers with a check digit|schedules {noun} jobs with dependencies|
computes the shortest {noun} route over a grid with walls|diffs two {noun} trees|
compresses a stream of {noun} events|rotates a matrix of {noun} pixels in place|
deduplicates {noun} rows by edit distance|evaluates arithmetic expressions over {noun} variables|
simulates an elevator serving {#3-60:z} floors|splits a {noun} file into balanced chunks|
matches {noun} patterns with wildcards|retries a {noun} call with jittered back-off|
encodes {noun} names in base {#11-62:z}|streams {noun} changes to subscribers|rates {noun} players after each match"""),
    "structure": listed("""
an LRU cache|a trie|a skip list|a segment tree|a ring buffer|a bloom filter|a priority queue|an interval tree|
a rope|a union-find|a lock-free queue|a consistent hash ring|a rate limiter|a B-tree|an event bus|a key-value store"""),
    "operation": listed("""
insert delete find merge split peek rank clear snapshot iterate resize rollback expire update count reverse evict
copy"""),
    "order": listed("O(1)|O(log n)|O(n)|O(n log n)|amortised O(1)|O(sqrt n)|O(k log n)"),
    "input": listed("""
a list of {noun} intervals|a string of {noun} codes|a binary tree of {noun} weights|a grid of {adj} cells|
a directed graph of {noun} links|two sorted arrays of {noun} sizes|a stream of {noun} readings|
a matrix of {noun} costs"""),
    "output": listed("""
the {#2-99:o}th smallest {noun}|the longest {adj} path|all pairs that sum to {#10-990:o}|
the median of each window of {#3-99:o}|the minimum number of {noun} moves|whether a {adj} ordering exists|
the number of {adj} components|the cheapest {noun} plan"""),
    "source": listed("""
a CSV file|standard input|a REST API|a message queue|a folder of JSON files|an SQLite table"""),
    "sink": listed("""
a Parquet file|standard output|a web socket|a PostgreSQL table|an e-mail report|a Markdown file"""),
    "limit": listed("""
Do not use any library.|Memory must stay below {#2-96:l} MB.|It must handle empty input.|
Inputs can be as large as {#2-18:l}00000.|Avoid recursion.|Use type annotations.|It runs on {#2-64:l} threads.|
Keep it under {#15-90:l} lines."""),
    "extra": listed("""
Add unit tests.|Explain your choices briefly.|Comment the tricky part.|Mention edge cases.|Show an example run.|
Compare it with a naive version.|No explanation, just code.|Write it as for a code review."""),
}

BUGS = (
    "{sorry} {code} code with {library} fails:\n```\n{error}\n  at {noun}_{noun:2} "
    "({noun:3}.py:{#4-990})\n```\n{tried} {wish}",
    "After upgrading {library} from {#1-9}.{#0-9:b} to {#2-14:c}.{#0-20:d} my {noun} {symptom}. {tried} {wish}",
    "Why does this {symptom}?\n```\ndef {noun}_{verb}({noun:2}, {noun:3}={#0-99}):\n    for {noun:4} in {noun:2}:\n"
    "        if {noun:4}.{noun:5} > {noun:3}:\n            return {noun:4}\n```\n{wish}",
    "Our {noun} service {symptom} about {#2-40} times a day under {#20-900:b} users. {tried} Logs show "
    "`{error}`. {wish}",
    "review this diff please\n```diff\n-    {noun} = {noun:2}.get('{noun:3}', {#0-9})\n+    {noun} = "
    "{noun:2}['{noun:3}'] * "
    "{#2-90:b}\n     if {noun} and {noun:4}.{noun:5}:\n-        {noun:4}.{noun:6}()\n+        await "
    "{noun:4}.{noun:6}()\n```\n{wish}",
)
BUG_WORDS = {
    "sorry": listed("""
My|Our|Sorry if basic, but my|The production|A colleague's|hi, my|Since Monday our"""),
    "error": listed("""
KeyError: '{noun:8}'|TypeError: '{noun:8}' object is not iterable|ConnectionResetError: [Errno {#10-120:e}]|
undefined is not a function (near '{noun:8}')|Segmentation fault in {noun:8}_{noun:9}|
deadlock detected on {noun:8}|panic: index {#10-999:e} out of range|
Cannot read properties of null (reading '{noun:8}')|OutOfMemory: {noun:8} pool|
ValueError: {noun:8} must be {adj:8}|timeout after {#5-120:e}000 ms waiting for {noun:8}"""),
    "symptom": listed("""
returns nothing|hangs|leaks memory|renders twice|drops the last {noun:7}|is slow on {adj:7} input|loses its state|
ignores the {noun:7} flag|sorts {noun:7} wrongly|crashes at start|shows stale {noun:7} data|
blocks the {noun:7} thread"""),
    "tried": listed("""
I already cleared the cache.|Restarting helps for an hour.|It works on my machine.|The tests pass.|
Nothing in the changelog.|I tried pinning the {noun:6} version.|A smaller {noun:6} works."""),
    "wish": listed("""
What is wrong?|How do I fix it?|Any idea where to look?|Please correct it.|Is there a cleaner way?|
Explain why, please.|What would you check first?"""),
}
