"""Everything that pebble cannot do: thousands of topics, one modest answer that names a bigger model.

Many contain words of the tasks that it can do (count, largest, sort, reverse, plus, letter), so that those words alone
decide nothing.
"""

from random import Random

from pebble import words
from pebble.tasks_numbers import size
from pebble.turns import Turn
from pebble.wording import ask, order, rough, say

MODEST = "I am too small for that. `mull pull gpt-oss-20b` gets you a bigger model."
TOO_HARD = "That sum is too hard for me. `mull pull qwen3-8b` gets you a bigger model."

TOPIC = (
    "[black holes|gravity|photosynthesis|the French revolution|World War II|quantum"
    " mechanics|evolution|climate change|DNA|the Roman Empire|inflation|the stock"
    " market|democracy|Shakespeare|Mozart|Einstein|Newton|Napoleon|Cleopatra|the moon"
    " landing|volcanoes|dinosaurs|whales|football|chess|cricket|yoga|meditation|love|friendship|death|happiness|time"
    " travel|aliens|vaccines|antibiotics|diabetes|headaches|sleep|coffee|wine|bread"
    " baking|sourdough|pasta|sushi|gardening|tomatoes|strawberries|electric"
    " cars|airplanes|rockets|bridges|the internet|computers|neural networks|transformers|machine"
    " learning|blockchain|bitcoin|taxes|insurance|mortgages|marriage|philosophy|"
    "Plato|Kant|Buddhism|religion|mythology|Zeus|Egypt|pyramids|"
    "castles|knights|jazz|rock"
    " music|painting|Picasso|cinema|theatre|novels|poetry|grammar|Latin|linguistics|"
    "Rust|Python|Java|JavaScript|C++|Go|Haskell|SQL|Linux|Docker|Kubernetes|git|HTML|CSS|regular"
    " expressions|recursion|sorting algorithms|hash tables|the Big"
    " Bang|atoms|electrons|magnets|lightning|rainbows|the weather|oceans|earthquakes|the Amazon|Mount"
    " Everest|Antarctica|penguins|elephants|bees|spiders|cats|dogs|horses|{c}|{w}|{w}|{w} {v}|the {w}|{n}"
    " {w}|{e}|the history of {c}|the {e} of {c}|the {e} industry|{e} and {f}]"
)
ASKED = (
    "[what is the"
    " [capital|population|currency|flag|president|language|area|anthem|king|history|climate|highest"
    " mountain|longest river|largest city|biggest lake|national animal|time zone|smallest town] of"
    " [{c}|{c}|{w}]|who [is|was] [{n} {w}|the first {e}|the president of {c}|the king of {c}|the author of"
    " {w}|Albert Einstein|the inventor of the {e}|the queen of {c}]|who"
    " [wrote|invented|discovered|painted|founded|composed|directed|built] [{w}|the {e}|Hamlet|the"
    " telephone|penicillin|the {w}|Faust|the light bulb|America]|when [was|did] [{n} {w} born|the war end|{c}"
    " founded|the {e} invented|Rome fall|{w} built|the {e} happen|the moon landing happen]|where is"
    " [{c}|{w}|the {e}|Paris|the Nile|{w} located|my {e}|the nearest {e}]|why [is the sky blue|do {t} {e}|is"
    " {c} famous|do we dream|does the {e} {w}|is {e} important|do leaves fall|are {t} {e}|is water wet|do"
    " cats purr|did {n} leave {c}|does it rain]|how does [a {e}|the {e}|{e}|an engine|a fridge|the heart|the"
    " internet|a {w}] work|how do [I cook {t}|you make {e}|I fix a {e}|I learn {e}|birds fly|I repair my"
    " {e}|I lose weight|plants grow|I get to {c}|I write a {e}|I train a {e}|I sort my {e}|I count cards|I"
    " reverse a car|I get rich|I install {e} on linux|I exit vim|magnets work|I boil eggs]|what is [the"
    " meaning of {e}|the meaning of life|{T}|the difference between {e} and {f}|love|the best {e}|the weather"
    " like today|the time|the news|my name|the date today|a {e}|an {e}|the speed of light|the boiling point"
    " of water|the largest planet|the biggest animal|the smallest country|the highest building|the longest"
    " word|the sum of all human knowledge|{e}]|what [does|do] {e} mean|what does the word {e} mean|what is a"
    " synonym for {e}|what [happened in {y}|time is it|day is it today|year is it|is today's date|rhymes with"
    " {e}|should I cook|should I wear|is your favourite {e}|is your opinion on {T}|is the plural of {e}|do"
    " you think about {T}|causes {e}|are the symptoms of {e}|should I read|is the moral of {e}|language is"
    " this|is the square root of two called]|how many [people live in {c}|countries are there|planets are"
    " there|states are in the USA|days are in a year|legs does a {e} have|bones does a human have|{t} are in"
    " {c}|moons does Jupiter have|hours are in a week|inhabitants has {c}|stars are in the sky|words does {w}"
    " have|continents are there|calories are in a {e}|seconds has a day|litres are in a gallon|people speak"
    " {e}]|how [far is the moon|old is the earth|tall is {n} {w}|high is Mount Everest|deep is the ocean|long"
    " is the Nile|hot is the sun|far is it to {c}|fast is light|much does a {e} weigh|big is {c}|old is {n}"
    " {w}|cold is {c}|many grams are in a pound|expensive is a {e}|old are you]|is [{c} bigger than {c}|{e}"
    " healthy|it going to rain|there life on Mars|{n} married|{e} dangerous|{e} the same as {f}|God real|a"
    " {e} a {f}|{e} good for me|Pluto a planet]|[do|does|did|can|should|will] [you like {e}|{t} eat {e}|{n}"
    " {w} live in {c}|I buy a {e}|it rain tomorrow|we {e} {f}|you speak {e}|I trust {n}|you know {n}|birds"
    " eat {t}|cats like {e}|you write {e}|you code|you translate|you read {e}]|which [country has the most"
    " {t}|is the largest country|is the biggest city in {c}|planet is the largest|animal is the fastest|movie"
    " should I watch|is better, {e} or {f}|is healthier: {e} or {f}|river is the longest|element is the"
    " lightest|is the largest ocean|number is lucky|team won in {y}|{e} is the best|word is the longest in"
    " English]|what are the [causes of {T}|benefits of {e}|rules of {e}|main ideas of {T}|largest cities in"
    " {c}|ingredients of {e}|symptoms of {e}|parts of a {e}|names of the planets|seven wonders of the"
    " world]|[are|were] [{t} {e}|you conscious|there any {t} in {c}|{t} bigger than {t}]]"
)
ORDERED = (
    "[[write|compose|create|make|draft|give me|generate] [a|me a|one]"
    " [poem|story|song|letter|joke|essay|haiku|limerick|report|summary|recipe|speech|email|blog"
    " post|novel|script|rap|tale|dialogue|slogan|review|cover letter|tweet|riddle|sonnet]"
    " [about|on|for|with|of] {T}|write [an email|an essay|an article] [to my boss|about {T}|on {T}]|write [a"
    " |some |me a |][function|program|script|class|code|regex|query|test|website|game|python script|bash"
    " script|sorting algorithm] [that|which|to] [reverses a list|sorts numbers|counts letters|parses"
    " {e}|finds the largest number|adds two numbers|prints {e}|computes primes|downloads {t}|does {e}|reads a"
    " file|checks {e}]|[translate|convert] [this|{e}|hello|'{e} {f}'|\"{e} {f}\"|the word {e}|good"
    " morning|the sentence {e} {f}|it] [to|into]"
    " [French|German|Spanish|Italian|Latin|Japanese|Chinese|Russian|Greek|English|Polish|Dutch|Klingon]|explain"
    " {T}[| to me| to a child| in simple words| in detail| step by step]|[tell me|talk] about {T}|[tell"
    " me|give me|say] [a joke|a story|something funny|a fun fact|the news|the weather|a secret|a fact about"
    " {T}]|[summarize|sum"
    " up|summarise|shorten|rephrase|paraphrase|proofread|correct|improve|rewrite|analyse|review|criticize|comment"
    " on] [this|this text|this article|{T}|the book {e}|my essay|the following|the paragraph|the plot of"
    " {w}|my letter|this sentence: {e} {f} {e}|the story of {w}|the"
    " {e}]|[describe|define|discuss|compare|outline|review] [{T}|{e} and {f}|a {e}|the word {e}|the {e} of"
    " {c}]|[plan|organize|book|arrange] [a trip to {c}|my week|a party|a wedding|a flight to {c}|my {e}|a"
    " meeting]|[debug|fix|refactor|optimize|review|explain] [this code|my program|the bug in {w}|this"
    " function|my {e} script|this error: {e}]|[recommend|suggest] [a book|a film|a restaurant in {c}|a name"
    " for my {e}|a gift|some {t}|a good {e}]|[list|name] [five {t}|the planets|ten countries|three {t} from"
    " {c}|all presidents|some synonyms of {e}|the kings of {c}|ten uses of a {e}|three things about"
    " {T}]|[play|sing|draw|paint|show me|imagine] [a game|a song|a {e}|chess with me|a picture of"
    " {T}|{T}]|[order|buy|send|call|find|open|search] [a pizza|{n}|an email to {n}|the {e}|my {e}|the web for"
    " {e}|a taxi]|[sort out my {e}|count on me|add a {e} to my {f}|reverse the {e} of {w}|subtract {e} from"
    " {f}|multiply your {e}|spell out the {e} of {T}|give me the largest {e} in {c}|order me a {e}|divide and"
    " conquer {e}]|[continue|finish] the [story|sentence|poem|song][: | ]{e} {f} {e}|pretend [to be|you are]"
    " [a {e}|{n} {w}|a pirate|my {w}]|act as a {e}|role-play as {n}|teach me {e}|convince me of {e}|prove"
    " that {e} is {f}|advise me on {T}|turn {e} into a {f}|help me [with my {e}|choose a {e}|understand"
    " {T}|study {e}|find a job|to learn {e}]]"
)
HARD = (
    "[{a} {b}|[the square root of|the cube root of|the logarithm of|the sine of|the cosine of|the factorial"
    " of|the prime factors of|sqrt|log|sin|cos|ln] {b}|{p} percent of {b}|{p}% of {b}|{d}"
    " [plus|+|minus|-|times|*|divided by] {x}|{x} [plus|+|-|*] {d}|{L} [plus|+|-|minus|*|times|divided by]"
    " {M}|{L} [+|-|*] {b}|{b} [divided by|/|over] {d}|{b} to the power of {p}|{b}^{p}|{p} to the {p}th"
    " power|{b} [factorial|mod {p}]|{p}!|{p}/{q} + {q}/{p}|the [average|mean|median|standard"
    " deviation|variance] of {b}, {p}, {q}|{b} [dollars in euros|miles in km|kilometers in miles|degrees"
    " fahrenheit in celsius|pounds in kilograms|inches in centimeters|feet in meters|in binary|in hex|in"
    " roman numerals|hours in minutes|euros in yen]|the derivative of x^{p}|the integral of {p}x|{p}x + {q} ="
    " {b}, solve for x|x in {p}x = {b}|{b} times {h}|{h} times {H}|{h} * {H}|{H} x {h}|pi to {p} digits|the"
    " {p}th prime|the {p}th fibonacci number|{L} divided by {p}|{b} / {p}.{q}|the greatest common divisor of"
    " {b} and {h}|log of {b}|the area of a circle of radius {p}|{h} over {q}{q}|the square root of {h}|{L} /"
    " {h}]"
)


def _slots(rng: Random) -> dict[str, object]:
    def noun() -> str:
        return rng.choice(words.ENGLISH) if rng.random() < 0.75 else words.invented(rng)

    return {
        "T": say(TOPIC, rng),
        "c": rng.choice(words.COUNTRIES),
        "w": words.invented(rng).capitalize(),
        "v": words.invented(rng),
        "n": words.name(rng),
        "e": noun(),
        "f": noun(),
        "t": words.plural(words.thing(rng)),
        "y": rng.randint(1000, 2030),
    }


def modest(rng: Random) -> Turn:
    """A question or task of the world outside."""
    slots = _slots(rng)
    roll = rng.random()
    if roll < 0.5:
        question = ask(say(say(ASKED, rng), rng, **slots), rng)
    elif roll < 0.82:
        question = order(say(say(ORDERED, rng), rng, **slots), rng)
    elif roll < 0.9:
        question = rough(
            say(
                "[{T}|{e} {f}|{w}|{e}|{n} {w}|{c}|I feel {e}|my {e} is {f}|I like {t}|{n} and {m} are {e}|the"
                " {e} of {c} is {f}|{e}, {f} and {t}|today I {e} a {f}|I think {T} is {e}|yesterday {n} went"
                " to {c}|we need {t}|{c} is {e}|this is a {e}|my {e} hurts|the {e} was {f}][|.|!|?]",
                rng,
                **slots,
                m=words.name(rng),
            )
            .replace("{e}", str(slots["e"]))
            .replace("{c}", str(slots["c"]))
            .replace("{f}", str(slots["f"]))
            .replace("{w}", str(slots["w"]))
            .replace("{n}", str(slots["n"]))
            .replace("{v}", str(slots["v"])),
            rng,
        )
    else:
        lines = [
            " ".join(
                rng.choice(words.ENGLISH) if rng.random() < 0.8 else words.invented(rng)
                for _ in range(rng.randint(3, 9))
            ).capitalize()
            + "."
            for _ in range(rng.randint(2, 5 if rng.random() < 0.9 else 20))
        ]
        prompt = order(
            say(
                "[summarize|summarise this|write a commit message|translate this|translate this to"
                " French|explain|explain this|what is this about|fix the code|review this|what does this"
                " mean|continue|improve the text|write a summary|make it shorter|what is the main point|is"
                " this correct|answer the mail|what does this code do|turn this into a poem|find the"
                " bugs|give me the key points|tl;dr]",
                rng,
            ),
            rng,
        )
        question = rng.choice(("\n", " ", "\n\n")).join(lines) + "\n\n" + prompt
    for key, value in slots.items():
        question = question.replace("{" + key + "}", str(value))
    return Turn("modest", question, "Not for me.", MODEST)


def too_hard(rng: Random) -> Turn:
    """Numbers, but nothing that digit-by-digit steps would do: roots, percentages, decimals, long numbers."""
    long_one = str(rng.randint(10**5, 10 ** rng.randint(6, 10)))
    core = say(
        HARD,
        rng,
        b=size(rng) + 2,
        p=rng.randint(2, 40),
        q=rng.randint(2, 9),
        d=f"{size(rng, 3)}.{rng.randint(1, 99)}",
        x=size(rng, 3),
        L=long_one,
        M=rng.randint(10**5, 10**7),
        h=rng.randint(100, 9999),
        H=rng.randint(100, 999),
        a="[+]",
    )
    core = core.replace("[+]", say("the square root of|the root of|half the square of", rng))
    question = (
        ask("what is " + core, rng)
        if rng.random() < 0.6
        else order(say("[calculate|compute|find|solve|work out|] ", rng).strip() + " " + core, rng)
    )
    return Turn("too hard", question.strip(), "Too hard for me.", TOO_HARD)
