"""Owns the words that many kinds of prompt share: names, places, things, trades, products. Words only."""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    """The entries of a text that separates them with `|` or, where it has none, with blanks."""
    return tuple(part.strip() for part in text.split("|")) if "|" in text else tuple(text.split())


FIRST_NAMES = listed("""
Aaliyah Adam Agnes Ahmed Aiko Alba Aleksandr Amara Amir Ana Anders Anika Anton Aoife Arjun Astrid Ayesha Beatriz
Ben Bianca Bruno Camila Carlos Carmen Chen Chiara Chloe Clara Dalia Daniel Dariusz Deepa Diego Dmitri Elena Elif
Emeka Emma Enrique Erik Esther Fatima Felix Fernanda Finn Freya Gabriel Giulia Grace Greta Hana Hannah Hassan
Helena Hiro Hugo Ibrahim Ida Imran Ines Ingrid Irina Isaac Ivan Jamal Jana Javier Jia Joao Johanna Jonas Jun Kai
Karim Katya Kenji Kofi Lars Laura Leila Leo Lina Lorenzo Lucia Luis Luka Mads Maja Malik Marco Maria Marta Mateo
Mei Mila Minh Miriam Mohamed Nadia Naomi Nia Nikhil Nina Noah Nora Olga Oliver Omar Oscar Paola Pavel Pedro Petra
Priya Rafael Rahul Rania Rosa Ruth Samir Sana Sara Selma Sergei Simone Sofia Stefan Sven Tariq Tatiana Teresa
Thabo Theo Tomas Uma Valentina Vera Victor Wanjiru Wei Yara Yasmin Yuki Yusuf Zoe""")

CITIES = listed("""
Accra|Amsterdam|Antwerp|Athens|Auckland|Austin|Baltimore|Bangkok|Barcelona|Belgrade|Bengaluru|Bergen|Bilbao|Bogotá|
Boston|Brisbane|Bristol|Brno|Bucharest|Budapest|Buenos Aires|Cape Town|Cardiff|Casablanca|Chennai|Chicago|
Copenhagen|Córdoba|Dakar|Denver|Dublin|Durban|Edinburgh|Eindhoven|Fukuoka|Gdańsk|Geneva|Ghent|Glasgow|Gothenburg|
Graz|Hamburg|Hanoi|Helsinki|Hyderabad|Istanbul|Izmir|Jakarta|Kraków|Kuala Lumpur|Kyoto|Lagos|Leeds|Leipzig|Lima|
Lisbon|Ljubljana|Lyon|Madrid|Malmö|Manila|Marseille|Medellín|Melbourne|Milan|Minneapolis|Monterrey|Montreal|Munich|
Nairobi|Naples|Osaka|Oslo|Ottawa|Palermo|Perth|Philadelphia|Porto|Prague|Pune|Quito|Riga|Rotterdam|Salzburg|
San Diego|Santiago|São Paulo|Sapporo|Seattle|Seville|Singapore|Sofia|Split|Stockholm|Stuttgart|Tallinn|Tbilisi|
Toronto|Toulouse|Trieste|Turin|Utrecht|Valencia|Vancouver|Vienna|Vilnius|Warsaw|Wellington|Zagreb|Zurich""")

GOODS = listed("""
apples|backpacks|balloons|batteries|bicycles|blankets|blue folders|bolts of cloth|books|boxes of nails|bread rolls|
bricks|buckets of paint|candles|carpets|ceramic tiles|chairs|cinema tickets|clay pots|coffee mugs|concert tickets|
cookies|crates of oranges|cupcakes|desk lamps|eggs|fence posts|fishing rods|garden gnomes|glass jars|hats|
hockey sticks|ink cartridges|keyboards|kites|ladders|lanterns|lemons|marbles|memory cards|museum passes|notebooks|
paintings|paper cranes|pencils|picture frames|pizzas|plants|postcards|puzzles|radios|rolls of film|roses|
sandwiches|scarves|seed packets|shirts|skateboards|solar panels|spoons|stamps|stickers|suitcases|tea sets|
tennis balls|tents|toy trains|tulips|umbrellas|vases|violins|watches|wooden planks|yoga mats""")

TOPICS = listed("""
beekeeping|coastal erosion|urban gardening|the printing press|sourdough|public transport|microplastics|
the silk road|remote work|jazz harmony|sleep and memory|vertical farming|school uniforms|local elections|
glass blowing|tidal power|the gig economy|childhood vaccination|minimum wages|mechanical watches|
libraries in small towns|river restoration|night trains|the history of zero|food waste|volcanoes|museum ethics|
urban heat|open source licences|bilingual children|desert architecture|fair trade coffee|
the fall of Constantinople|marathon training|antibiotic resistance|chess openings|housing cooperatives|
the water cycle|digital privacy|tea ceremonies|wolves in Europe|the Harlem Renaissance|stoicism|street photography|
electric buses|soil health|space debris|folk music|noise pollution|plate tectonics|rent control|plant-based diets|
the French Revolution|cargo bikes|screen time|coral reefs|hospital design|lighthouses|bird migration|
medieval guilds|fermentation|wildfires|solar eclipses|job interviews|travel by ferry|board games|crop rotation|
wind turbines|handwriting|cycling infrastructure|cave paintings|dementia care|the Roman road network|fast fashion|
mountain rescue|public parks|quantum dots|radio drama|opera|salt|seed banks|student debt|subtitles|typography|
volunteering|winter sports""")

TRADES = listed("""
accountant|actuary|air traffic controller|architect|baker|beekeeper|bookbinder|botanist|carpenter|cartographer|
chemist|choir director|clinical psychologist|copy editor|data engineer|dentist|dietician|electrician|event planner|
farmer|fire inspector|florist|furniture maker|game designer|geologist|glazier|historian|hotel manager|illustrator|
immigration lawyer|interpreter|journalist|judge|landscape gardener|librarian|locksmith|logistics planner|
marine biologist|mechanic|midwife|museum curator|nurse|optician|paramedic|patent attorney|pharmacist|
physiotherapist|pilot|plumber|primary school teacher|product manager|radio host|recruiter|roofer|
sailing instructor|seismologist|social worker|sound engineer|statistician|surveyor|tailor|tax adviser|tour guide|
translator|urban planner|veterinarian|violin maker|watchmaker|web designer|winemaker|zookeeper""")

ADJECTIVES = listed("""
absolute ample annual bitter bold brittle broad busy calm careful cautious central cheap civil clear clever cloudy
coarse cold common complex coastal curious daily damp dense distant double dry eager early eastern elastic empty
even exact faint fair familiar faulty fertile final firm flat formal fragile frank fresh frozen full gentle global
gradual grand green heavy hidden hollow honest humble idle inner joint keen large late lean light local loose loud
main mild minor mobile modern modest mutual narrow native neat noisy northern novel odd old open outer pale
partial patient plain polite precise private prompt proper public quick quiet rapid rare raw ready recent regular
remote rigid rough round rural safe salty seasonal second secure shallow sharp short silent simple slow small
smooth social solid southern spare stable steep stiff strict strong subtle sudden tall temporary tender thick thin
tidy tight tiny tough typical uneven upper urban useful usual vague valid vast vivid warm weak western wet wide
wild winter young""")

NOUNS = listed("""
account agenda airport alarm album anchor archive arena article atlas audit autumn award balance balcony banner
barrier basin basket beach bearing bench border bottle branch bridge budget cabin cable camera campus canal candle
canvas capital carriage cellar ceremony chamber channel chapter charter circuit climate clinic coast column
compass concert contract copper corner corridor cottage council counter court cradle culture current curtain
custom dairy damage deadline debate decade delta deposit desert detail diagram diary district dock document draft
drawer dynasty echo editor engine entry estate evening event exam exhibit expert export fabric factor factory farm
feather fence ferry festival figure filter flight floor folder forest formula fountain frame freight frontier fuel
function furnace gallery garden gate glacier grain grammar gravel grid guest guide habit handle harbour harvest
heater hedge height helmet highway history horizon hotel index insect island item jacket journal journey judge
jury kernel kettle kitchen label lantern lecture legend lens letter library licence limit lumber machine magnet
manual manuscript map margin market mason meadow meal medal melody memory menu metal method mill mirror mission
module monument motor museum network niche notice novel object office orbit orchard order organ outline oven
packet paint palace panel parade parcel parish park passage pattern pension permit piano pilot pipeline planet
plaster platform poem policy pond portrait pottery premium press printer prize profit project protein province
pump quarry queue quota railway range ratio receipt recipe record region report reserve resort review ribbon ridge
river rocket roof rope route safety sample scale schedule script season sector seed segment sensor series shelter
shore signal silver sketch slope soil spring stadium staff stage station statue storm story strategy stream studio
summit supply surface survey symbol table target temple tenant terminal textile theatre theory thread ticket
timber tower track trade trail transfer treaty tribe tunnel union valley vehicle venue vessel village vineyard
volume voyage wage warehouse weather welfare window winter workshop yard""")

VERBS = listed("""
accepts adapts adjusts admits advances affects allows alters answers appears applies approves arranges assigns
attracts avoids balances becomes blocks borrows brings builds carries causes changes checks chooses claims clears
collects combines compares completes confirms connects considers contains controls copies corrects covers crosses
cuts decides defends delays delivers demands depends describes designs destroys develops differs directs discovers
divides doubles draws drives earns employs ends enters escapes examines exceeds expands explains extends fails
feeds fills finds finishes fits fixes follows forces forms frames gains gathers governs grows guards guides
handles heats helps hides holds ignores imports improves includes increases informs insists invites isolates joins
keeps lacks lands leads leaves lends lifts limits links lists loads locates loses lowers maintains manages marks
matches measures meets mentions merges misses mixes moves names needs notes observes occupies offers opens
operates opposes orders overlooks owns passes pays permits places plans points praises prefers prepares presents
preserves prevents produces promises protects proves provides publishes pulls pushes raises reaches receives
reduces reflects refuses rejects relates releases remains removes repairs repeats replaces reports requires
resists restores retains returns reveals rewards rises saves secures seeks selects sells sends separates serves
shapes shares shifts shows slows solves sorts spreads starts stores strengthens suggests supplies supports
surrounds survives takes teaches tests tolerates touches tracks trains transforms travels treats turns unites
updates values varies visits warns wears weighs widens wins works yields""")

PRODUCTS = listed("""
air purifier|alarm clock|baby monitor|bike computer|blender|Bluetooth speaker|bread maker|camping stove|car seat|
chef's knife|coffee grinder|cordless drill|desk chair|dishwasher|e-reader|electric kettle|electric toothbrush|
espresso machine|fitness watch|food processor|gaming mouse|garden hose|graphics tablet|hair dryer|hiking boots|
humidifier|induction hob|laptop sleeve|lawn mower|mattress|mechanical keyboard|microwave|
noise-cancelling headphones|office printer|pressure cooker|projector|rain jacket|robot vacuum|rowing machine|
running shoes|sewing machine|sleeping bag|smart thermostat|solar charger|soundbar|standing desk|stand mixer|tent|
toaster|travel adapter|umbrella|USB hub|video doorbell|water filter|webcam|wireless router""")

LANGUAGES = listed("""
Arabic|Bengali|Catalan|Chinese|Croatian|Czech|Danish|Dutch|English|Estonian|Finnish|French|German|Greek|Hebrew|
Hindi|Hungarian|Icelandic|Indonesian|Irish|Italian|Japanese|Korean|Latvian|Malay|Norwegian|Persian|Polish|
Portuguese|Romanian|Russian|Slovak|Spanish|Swahili|Swedish|Tagalog|Tamil|Thai|Turkish|Ukrainian|Urdu|Vietnamese|
Welsh""")

COMPANY_HEADS = listed("""
Acorn Alder Amber Apex Arbor Argo Aspen Atlas Aurora Axiom Basalt Beacon Birch Bluefin Boreal Bright Brook Cedar
Cinder Clover Cobalt Compass Copper Coral Crest Cypress Delta Drift Ember Falcon Fern Fjord Flint Forge Garnet
Glade Granite Grove Harbor Hazel Heron Horizon Indigo Iris Ivory Jasper Juniper Kestrel Kite Lagoon Lantern Larch
Linden Lumen Lynx Maple Marble Meridian Mint Mosaic North Nova Oak Onyx Opal Orbit Orchid Otter Pebble Pine Pixel
Plume Polar Prairie Quartz Quill Raven Reef Ridge River Rowan Saffron Sage Sierra Silver Slate Solar Sparrow
Spruce Summit Swift Tandem Teal Terra Thistle Timber Topaz Umber Vale Vector Velvet Verdant Vista Walnut Willow
Winter Wren Zephyr Zinc""")

COMPANY_TAILS = listed("""
Analytics Apps Bank Care Cloud Commerce Data Dental Desk Digital Docs Dynamics Education Energy Finance Flow Foods
Freight Games Goods Group Health HR Homes Insights Insurance Labs Law Learning Legal Living Logistics Media
Medical Metrics Mobility Mobile Money Motors Networks Ops Outdoor Partners Pay Pharmacy Press Print Properties
Recruit Retail Robotics School Security Services Software Solutions Sports Stays Studio Supply Support Systems
Talent Tax Tech Telecom Tickets Tools Travel Tutors Ventures Wellness Works""")

LIBRARIES = listed("""
asyncio|pandas|FastAPI|React|Vue|Django|Flask|NumPy|SQLAlchemy|Spring Boot|Express|Next.js|PyTorch|
Kotlin coroutines|Tokio|Rails|Laravel|Svelte|GraphQL|Terraform|Kubernetes|Ansible|gRPC|Redis|PostgreSQL|SQLite|
MongoDB|Kafka|RabbitMQ|Elasticsearch|OpenCV|scikit-learn|Playwright|pytest|JUnit|Gradle|Webpack|Tailwind|SwiftUI|
Jetpack Compose|Qt|Unity|Godot|CMake|Nginx""")

CODE_LANGUAGES = listed("""
Python|JavaScript|TypeScript|Java|C++|C|C#|Go|Rust|Kotlin|Swift|Ruby|PHP|Scala|Haskell|SQL|R|Julia|Lua|Bash""")

SHARED: dict[str, tuple[str, ...]] = {
    "name": FIRST_NAMES,
    "city": CITIES,
    "goods": GOODS,
    "topic": TOPICS,
    "trade": TRADES,
    "adj": ADJECTIVES,
    "noun": NOUNS,
    "verb": VERBS,
    "product": PRODUCTS,
    "language": LANGUAGES,
    "head": COMPANY_HEADS,
    "tail": COMPANY_TAILS,
    "library": LIBRARIES,
    "code": CODE_LANGUAGES,
}
"""The vocabulary that every grammar has."""
