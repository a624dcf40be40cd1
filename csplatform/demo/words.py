"""Words that demo names are put together from."""

FIRST_NAMES = (
    "Ada", "Amir", "Ana", "Anders", "Aya", "Bea", "Boris", "Carla", "Chen", "Clara", "Dag", "Dina",
    "Elif", "Emil", "Esra", "Fatou", "Finn", "Gita", "Goran", "Hana", "Hugo", "Ida", "Igor", "Ines",
    "Ivo", "Jana", "Jonas", "Kaya", "Kofi", "Lara", "Leon", "Lina", "Luca", "Mara", "Mateo", "Mei",
    "Mila", "Nadia", "Nils", "Noor", "Olga", "Omar", "Pia", "Rafa", "Rosa", "Sami", "Sara", "Sven",
    "Tara", "Timo", "Uma", "Vera", "Viktor", "Yara", "Yuki", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Adler", "Alves", "Andersen", "Arslan", "Baker", "Bauer", "Berg", "Blanc", "Costa",
    "Dahl", "Demir", "Diaz", "Engel", "Fabre", "Fischer", "Garcia", "Hansen", "Haas", "Ito",
    "Jansen", "Kaya", "Keller", "Kim", "Kovac", "Kumar", "Lang", "Lopez", "Maier", "Marino",
    "Mensah", "Moreau", "Nagy", "Novak", "Okafor", "Olsen", "Park", "Petrov", "Popov", "Ricci",
    "Rossi", "Sato", "Silva", "Singh", "Steiner", "Tanaka", "Toth", "Vogel", "Weber", "Wolf",
)  # fmt: skip
COMPANY_FIRST = (
    "Amber", "Birch", "Blue", "Bright", "Cedar", "Clear", "Cobalt", "Coral", "Delta", "East",
    "Ember", "Fern", "Granite", "Green", "Harbor", "Iron", "Juniper", "Lake", "Linden", "Lunar",
    "Maple", "Meadow", "North", "Oak", "Ocean", "Olive", "Pine", "Quartz", "River", "Silver",
    "Solar", "Stone", "Summit", "Tidal", "Vale", "West",
)  # fmt: skip
COMPANY_LAST = (
    "Analytics", "Bakeries", "Clinics", "Energy", "Foods", "Freight", "Gardens", "Health", "Homes",
    "Labs", "Legal", "Logistics", "Media", "Mills", "Mobility", "Motors", "Networks", "Optics",
    "Outdoor", "Paper", "Press", "Retail", "Robotics", "Schools", "Software", "Studios", "Supply",
    "Systems", "Textiles", "Travel", "Water", "Works",
)  # fmt: skip
ROLES = ("Team lead", "Project manager", "Designer", "Developer", "Analyst", "Operations",
         "Marketing", "Finance", "Head of product", "Managing director")  # fmt: skip
PERSONAS = ("Champion", "Decision maker", "Daily user", "Occasional user")
TIME_ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles",
              "Asia/Tokyo", "Australia/Sydney")  # fmt: skip
LANGUAGES = ("en", "en", "en", "de", "fr", "es")
