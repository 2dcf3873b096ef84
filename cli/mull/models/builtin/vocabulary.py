"""The words of pebble's domain, by kind of question: those of its training data and their everyday synonyms.

`COMMON` words may stand in every question. A kind's words may stand in questions of that kind only. Its `…_SIGNS` are
the words of which a question of that kind has at least one.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMMON = _words(
    """
    a about actually after again all alright also am an and another answer answers any are as ask asked asking
    asks at be been before being both bother brief but by calc calculate can can't careful check cheers compute
    could curiosity curious dear determine did do does done each every exactly excuse explanation figure find
    following for forgot friend from get gets gimme give given got had happen has have having he hello help her
    here here's hey hi his hmm homework honest how how's hurry i i'd i'll i'm i've id idea if im in into is
    isn't it it's its ive just kindly know learning lemme let let's like listen look made make makes many mate
    may maybe me might mine more much must my n need next no not now of off ok okay on one ones only or other
    our out over please pls plz print provide question questions quick quickly r really remind report result
    results return rush said say says see shall she short should show simple sir so solve some sorry state
    suppose sure tell than thank thanks that that's the their them then there these they think this those thx to
    try trying two ty u up ur us using very wanna want wants was wat way we well were what what's whats when
    where which while who will with without wonder wondering work would yes yo you your
    """
)

SUM_SIGNS = _words(
    """
    add added adding addition adds altogether combine combined combining extra further gives increase increased
    join joined joins make makes more plus sum sums tally together total totalling totals up
    """
)
DIFFERENCE_SIGNS = _words(
    """
    away decrease decreased deduct deducted difference fewer gap less lose loses losing minus reduce reduced
    remain remains remove removed subtract subtracted subtracting subtraction take taken takes without
    """
)
TAKING = _words("deduct minus subtract take taken")
PRODUCT_SIGNS = _words(
    """
    copies dozen dozens groups lots multiplication multiplied multiplies multiply multiplying product rows sets
    times
    """
)
ARITHMETIC = (
    SUM_SIGNS
    | DIFFERENCE_SIGNS
    | PRODUCT_SIGNS
    | _words(
        """
    above amount apart arithmetic back beginning below between big bigger both calculation come comes count
    counted distance double down drop equal equals estimate evaluate everything exceed expression extended factors far
    form get go going gone greater high higher hm joined large larger leave leaves left lines lower math maths
    meets mental e missing needed number numbers once outcome output over product put raise raised reach reckon
    repeated rest return right run scale smaller spend spent start starting step taken task these too top value
    values withdraw worth write yield yields
    """
    )
)

LETTER_SIGNS = _words("char character characters chars letter letters vowel vowels")
COUNT_SIGNS = _words(
    "many count counting counted number often times tally amount total frequency frequently occurrences instances"
)
TARGETS_TOO = _words("answer dear friend hello hi idea letter mate question sir time word work")
GREETED = _words(
    "dear friend hello hi mate sir"
)  # beside a word they may belong to it: "reverse hello world"
LETTERS_SHUN = _words(
    """
    alphabet capital capitals end ends english first french german language languages last name paragraph phrase
    sentence sentences spanish start starts text title upper uppercase words
    """
)
BACKWARDS_SIGNS = _words(
    """
    backward backwards flip flipped inverted mirror mirrored reverse reversed reversing
    """
)
BACKWARDS_PHRASES = (
    "back to front",
    "right to left",
    "from the right",
    "from its end",
    "from the end",
    "end to start",
    "wrong way round",
    "wrong way around",
    "other way round",
    "other way around",
    "last letter first",
    "in reverse",
)
LETTERS = (
    LETTER_SIGNS
    | COUNT_SIGNS
    | BACKWARDS_SIGNS
    | _words(
        """
    altogether appear appearing appears around back become becomes characters check come comes consist consists
    contain containing contains count detect does doing end exist finish first flip form found frequently front
    hidden hide hold holds include included includes inside last left length long look looks needed occur occurs
    opposite order output places read right round scan sit spell spelled spelling spells spelt spot start string
    take task time turn turns type typed use used uses version way within word words's write writing written
    wrong
    """
    )
)

SORT_SIGNS = _words(
    """
    abc alphabetical alphabetically alphabetise alphabetize arrange arranged arranging ascending decreasing
    descending downwards increasing numerically order ordered ordering organise organize rank ranked rearrange
    sort sorted sorting upwards
    """
)
SORT = SORT_SIGNS | _words(
    """
    alphabet backwards begin beginning big biggest bottom bring climbing come comes decreasing down downward
    entries falling first front go going greatest high highest increasing input integers item items large largest
    last least letter letters line lines list lists little low lowest name names number numbers numeric
    numerical output place print put reorder reverse right rising row set size small smallest start starting
    string strings take task top up upward value values word words write z
    """
)

COMPARE_SIGNS = _words(
    """
    bigger biggest greater greatest higher highest larger largest least littlest lower lowest max maximum min
    minimum most smaller smallest tiniest top who's
    """
)
LONE_COMPARE_SHUN = _words("bigger biggest larger largest")  # at a prompt's beginning
LEAST = _words("least littlest lowest min minimum smaller smallest tiniest")
MOST = _words("bigger biggest greater greatest higher highest larger largest max maximum most")
COMPARE = COMPARE_SIGNS | _words(
    """
    against among between choose compare element entry estimate evaluate figure group less line lines list name
    number number's numbers output pick point return round select set task the value values versus vs who write
    """
)

STORY_VERBS = _words(
    """
    added adds are arrive arrived arrives ate away bake baked bakes borrow borrowed borrows bought break
    breaks broke broken buy buys came carries carry collect collected collects come contain contains cost costs drop
    dropped drops each earn earned earns eat eaten eats find finds flew flies fly found gave get gets give gives
    got grew grow grows had hand handed hands has have hold holds is join joined lay lays leave leaves left lend
    lends lent lose loses lost made makes more need needs own owned owns paid pay pays pick picked picks put
    puts ran read reads received receives remain remains removed run save saved saves sell sells shared shares
    sit sits sold spend spends spent stolen take taken takes threw throws took use used uses walk walked want
    wants were wins won work works
    """
)
COMES = _words("add added adds bought buy buys earn earned earns pick picked picks save saved saves")
GOES = _words(
    """
    ate away eat eaten eats gave give gives handed hands lend lends lent sell sells sold spend spends spent threw
    throws took take takes use used uses
    """
)
HAS = _words("are had has have is owns was were")
STEPS_SHUN = _words(
    """
    bus find finds first found get gets got lose loses lost off people receive received receives wins won
    """
)
STORY_ASKS = ("how many", "how much", "how old", "what is left", "what's left", "what do", "what does")
STORY_SHUN = _words(
    """
    ago am april area arrangements august average between billion bones born brothers bytes calories celsius
    chance circle city clock cm code coin combinations convert country cube daughters december degrees diameter
    dice died digit digits discount divisible double equation even explain factor fahrenheit fall falls
    february feet fifth flip foot fourth fraction function gallons grams half halves handshakes hundred inch
    inches interest january javascript json july june kg kilograms kilometers kilometres km kmh legs list liters
    litres march mean median meters metres midnight mile miles million minute minutes mph multiple name noon november
    o'clock october odd odds ounces pattern people's percent percentage perimeter permutations plan pm
    population possible pounds power president prime probability python quarter quarters radius rate ratio
    rectangle remainder root second seconds september sequence siblings sisters sons speed square
    squares summarise summarize tax temperature third thirds thousand translate triangle triple
    twins volume war ways wheels why world write
    """
)

MULL_SIGNS = _words(
    """
    benchmark chat chats conversation conversations gguf model models mull pebble prompt prompts reasoning
    session sessions stderr stdin stdout telemetry template templates thinking thought thoughts traceback
    """
)
MULL = MULL_SIGNS | _words(
    """
    able abort account activate adjust alive alt amount answer answering answers anywhere architecture are
    around attach attached available avoid away bad batch be begin bench best better between big bigger bound break
    broken browse budget build built bye cache calls can't cancel cap carry catalogue change check checksums
    choose clean clear close cloud code codes collapse command commands commit company computer config
    configuration configure configured connection contains content context continue control copy correct create
    ctrl cut cuts data deactivate debug deep deeper default defaults delete deleted deletes depth describe
    description design diagnose difference different disable disabled disables disk display doctor doesn't don't
    done download downloaded downloading downloads drop during earlier edit editor effort efforts email empty
    enable enabled enables end ends enough enter entered enters erase esc escape examine example examples exist
    exists exit expand explain export fast feature features feed fetch fetches file files first fit fits flag
    flags fold folder folds force forget format formats free fresh full gets git go goes gone good gpu guide
    hard harder hardware hi hidden hide hides high higher history hit hold how hundreds image images immediately
    in increase input inspect install installation installed installing instead instructions interactive
    internet interrupt introduce isn't it json jsonl keep keeps kept key keyboard keys kind kinds know laptop
    large larger last later leak leave length less level levels licence license limit limits line lines list
    lists live load local locally located lock log long longer lost low lower machine machines manage manual max
    maximum mean means measure medium message messages mid-chat mode modify much multiple name named names need
    needs network new newline nothing off offline old on once one-shot online open opens option options our
    output own page panel past path pause percent performance phone pick pipe piped pipeline pipes piping places
    possible preferences press pressed prevent previous privacy private process program project pull pulls
    purpose quick quickly quit raise read real reason reasons redo reduce regenerate released remember remove
    removed removes rename reopen replace replaced reply reset restrict result resume retry return reveal right
    rm run running runs safe same save saved schema schemas script scripts search secure see select send sends
    sent server set sets setting settings setup several share shared shell shortcut shortcuts shorten show shown
    shows shut single size skip slash slow small smaller smart smarter something space spare speak specify speed
    standard start started state statistics stats status stay step still stop stopped stops store stored stores
    stream string structured stuck support supported supports suppress swap switch switched switches system tab
    talk tell terminal test text thing things think thinks throw time toggle toggles token tokens too tool
    toolbar tools tune turn turned turns type types undo unfold unfolds uninstall unload until update upload
    uploads usage use used useful user uses using variable version view visible wait want what which whole
    window wipe with within without won't work worked works write wrong yesterday yesterday's you you'd you're
    your yourself
    """
)
YOU = _words(
    """
    abilities ability able accurate ai alive always answer answers are artificial assistant audio author bad be
    best big bigger bot build built call called capabilities capability capable chatting clever collect come
    company computer correct create created creator data describe description develop developed different do
    draw dumb ever example examples exist features from functions good great guy hallucinate hallucinations help
    helpful how human identity image images intelligent internet introduce introduction is job keep kind kindly
    kinds know large lie lies limitations limits little local locally machine made make maker makers making mean
    mistakes model my name named names need network offer offline online open-source perfect person photo photos
    picture pictures possible private problems program programmed project purpose questions real reason reliable
    remember right robot run running safe send share size skill skills small smart something sort sound sounds
    speaking spy strengths stupid support talent talents talking task tasks team things think tiny tool train
    trained tricks trust type up upload use useful version video videos voice weaknesses where who whom works
    writing wrong wrote you you're your yourself
    """
)
REMOVING = _words("delete deletes drop erase remove removes rid rm uninstall")
GETTING = _words(
    """
    available choose download downloading fetch get have install installed installing load need pull run running
    select switch try use using want
    """
)
MULL_ALONE = (  # questions about mull without its signs; what one of them has, and what else it may have
    (_words("use"), _words("program terminal tool")),
    (_words("abort cancel interrupt stop"), _words("answer answers generation it output reply")),
    (_words("think"), _words("harder it less let longer make more not off on start stop turn")),
    (_words("exit leave quit"), _words("app it program stop terminal this")),
    (_words("attach attached"), _words("file files prompt question")),
    (_words("json jsonl"), _words("get lines object one output print support")),
    (
        _words("config configuration preferences settings"),
        _words("change default edit file open options path set"),
    ),
    (
        _words("data offline privacy private upload uploaded"),
        _words(
            "safe sent anywhere internet local leave leaves machine computer work works stay stays collected"
        ),
    ),
    (
        _words("interrupt key keyboard keys newline shortcut shortcuts"),
        _words(
            """
    answer ends enter folds hit immediately line new press shows stop stops type unfolds
    """
        ),
    ),
    (_words("broken"), _words("not problem something works wrong")),
    (_words("command commands"), _words("all available exist help list manual there use")),
    (_words("chatting speaking talking"), _words("to whom with")),
)
MAKERS = _words(
    "chatgpt claude gemini siri alexa gpt openai google meta llama qwen mistral copilot grok bard deepseek"
)

TALK = _words(
    """
    a afternoon again all alright am amazing and anybody anyone appreciate appreciated are around awesome bad
    been bored bot bravo brilliant bye care catch cheers ciao cool correct cya danke day do doing done evening
    everyone everything excellent fantastic farewell feel feeling fine for friend funny go goin going good
    goodbye gotta gracias grateful great greet greetings ha haha hallo happy have hello help helped helpful
    helping hey heya hi hii hiya hm hmm hola how how's howdy hows i i'm impressive incorrect is it it's job just
    kind later life like little lol lot love lovely mate meet meeting merci mistake model morning much mull must
    my neat new next nice night nonsense nope not now off oh ok okay one pal pebble perfect ping pleased right
    salut say saying see seeing smart so soon sup super take talk terrible test testing thank thankful thanks
    that that's the then there thing things this thx time to today tomorrow tonight ty tysm u until up useless
    very wanted was we're weekend welcome well what's whats wonderful work world wow wrong ya yo you you're your
    """
)
TALK_SIGNS = _words(
    """
    afternoon amazing appreciate appreciated awesome bravo brilliant bye care cheers ciao cool correct cya danke
    evening excellent fantastic farewell good goodbye gracias grateful great greetings hello hey heya hi hii
    hiya hola how how's howdy hows impressive incorrect later love lovely merci morning neat nice night ok okay
    perfect ping right salut see soon sup super test testing thank thankful thanks thx ty tysm welcome well
    what's whats wonderful wow wrong yo
    """
)
