//! Questions that no document answers: who may be in danger is sent to help, who asks for a doctor's advice to a doctor.
//!
//! By plain rules, which can be read and tested: what is said decides, not how like it is to something. Rather one alarm too many than one too few.

use super::words::words;

/// What kind of question it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Somebody may be in danger.
    Emergency,
    /// Somebody asks what only a doctor can say.
    MedicalAdvice,
}

/// What is said where the clinic has said nothing else.
const EMERGENCY_SENTENCE: &str = "If this is an emergency, please hang up and call your local emergency number now. I cannot help with emergencies.";
const ADVICE_SENTENCE: &str = "I cannot give medical advice. I can find you an appointment, or have somebody from the clinic call you back.";

impl Guard {
    /// What is said where the clinic has said nothing else.
    pub fn usual_sentence(self) -> &'static str {
        match self {
            Self::Emergency => EMERGENCY_SENTENCE,
            Self::MedicalAdvice => ADVICE_SENTENCE,
        }
    }
}

/// One of the words or phrases of each list is said, in any order, and none of the last.
struct Rule(&'static [&'static [&'static str]], &'static [&'static str]);

const LONG_AGO: &[&str] = &[
    "last year",
    "years ago",
    "in the past",
    "history of",
    "leaflet",
    "courses",
    "in case",
    "last visit",
    "last time",
    "in 20",
];

/// Words are without apostrophes here, and "cannot" and "can not" are "cant": see [`plain()`].
const DANGER: &[Rule] = &[
    Rule(
        &[
            &["breathe", "breath", "breathing", "breaths"],
            &[
                "cant",
                "not",
                "no",
                "trouble",
                "difficulty",
                "struggling",
                "short",
                "stopped",
                "hard",
                "catch",
                "gasping",
                "isnt",
            ],
        ],
        &["smells", "bad breath", "fresh"],
    ),
    Rule(
        &[
            &["chest"],
            &[
                "pain",
                "pains",
                "hurt",
                "hurts",
                "hurting",
                "tight",
                "tightness",
                "pressure",
                "crushing",
                "aches",
            ],
        ],
        LONG_AGO,
    ),
    Rule(
        &[
            &["heart attack", "stroke"],
            &["having", "think", "might", "now", "signs", "just", "is this", "could be"],
        ],
        LONG_AGO,
    ),
    Rule(
        &[&["face", "arm", "side of"], &["drooping", "droops", "drooped", "one side", "gone limp"]],
        LONG_AGO,
    ),
    Rule(
        &[
            &["cant speak", "cant talk", "slurring", "slurred", "cant move"],
            &["numb", "face", "arm", "suddenly"],
        ],
        LONG_AGO,
    ),
    Rule(
        &[
            &[
                "unconscious",
                "not waking",
                "wont wake",
                "cant wake",
                "collapsed",
                "has collapsed",
                "not responding",
                "unresponsive",
            ],
            &["he", "she", "hes", "shes", "is", "my", "they", "somebody", "someone", "i"],
        ],
        &["about money", "last year", "years ago"],
    ),
    Rule(
        &[&[
            "just passed out",
            "has passed out",
            "hes passed out",
            "shes passed out",
            "passed out and",
            "is passed out",
            "knocked out and",
            "fainted and",
        ]],
        LONG_AGO,
    ),
    Rule(&[&["turning blue", "turned blue", "going blue", "lips are blue"]], &[]),
    Rule(
        &[&["overdose", "overdosed", "too many pills", "too many tablets", "too much medicine"]],
        &["leaflet"],
    ),
    Rule(
        &[
            &["swallowed", "drank", "ate", "drunk", "eaten"],
            &[
                "bleach",
                "poison",
                "poisonous",
                "battery",
                "batteries",
                "detergent",
                "chemical",
                "chemicals",
                "antifreeze",
                "paint",
                "pills",
                "magnet",
                "magnets",
            ],
        ],
        &[],
    ),
    Rule(
        &[&[
            "kill myself",
            "killing myself",
            "hurt myself",
            "harm myself",
            "hurting myself",
            "end my life",
            "ending it all",
            "end it all",
            "want to die",
            "suicidal",
            "suicide",
            "dont want to live",
            "no reason to live",
        ]],
        &[],
    ),
    Rule(
        &[
            &["bleeding", "bleed", "bleeds", "blood"],
            &[
                "wont stop",
                "doesnt stop",
                "cant stop",
                "isnt stopping",
                "not stopping",
                "everywhere",
                "a lot of",
                "pouring",
                "gushing",
                "heavily",
            ],
        ],
        &["car", "after an extraction is it normal"],
    ),
    Rule(&[&["is choking", "choking on", "im choking", "hes choking", "shes choking"]], LONG_AGO),
    Rule(
        &[
            &["seizure", "seizures", "fit", "convulsions", "convulsing"],
            &["having a", "having seizures", "is having", "has a seizure", "convulsing"],
        ],
        &["in you", "me in", "last year"],
    ),
    Rule(
        &[
            &["tongue", "throat", "lips", "airway"],
            &["swelling", "swollen", "swells", "swelled", "closing", "closing up"],
        ],
        &[],
    ),
    Rule(&[&["cant swallow"]], &[]),
    Rule(
        &[
            &["allergic reaction", "anaphylaxis", "anaphylactic"],
            &["having", "bad", "severe", "now", "i think", "is it"],
        ],
        LONG_AGO,
    ),
    Rule(&[&["im dying", "i am dying", "is dying", "hes dying", "shes dying"]], &["for a"]),
    Rule(
        &[&[
            "no puedo respirar",
            "no respira",
            "dolor de pecho",
            "dolor en el pecho",
            "infarto",
            "se desmayo",
            "quiero morir",
            "matarme",
        ]],
        &[],
    ),
];

/// What is taken without asking anybody, and with.
const MEDICINES: &[&str] = &[
    "ibuprofen",
    "paracetamol",
    "acetaminophen",
    "tylenol",
    "advil",
    "aspirin",
    "antibiotics",
    "antibiotic",
    "amoxicillin",
    "codeine",
    "painkiller",
    "painkillers",
    "pain killer",
    "pain killers",
    "naproxen",
    "benadryl",
    "blood thinner",
    "blood thinners",
    "warfarin",
    "medication",
    "medicine",
    "tablets",
    "pills",
];

const NO_QUESTION_OF_DOSE: &[&str] = &[
    "refill",
    "refills",
    "prescribed",
    "prescribe",
    "prescription",
    "cost",
    "costs",
    "price",
    "charge",
    "run out",
    "ran out",
    "more of",
    "bring",
    "with me",
];

const ADVICE: &[Rule] = &[
    Rule(
        &[
            MEDICINES,
            &[
                "how much",
                "how many",
                "how often",
                "how long after",
                "can i take",
                "can i have",
                "could i take",
                "may i take",
                "should i take",
                "should i stop",
                "stop taking",
                "safe",
                "instead of",
                "alcohol",
                "dose",
                "dosage",
                "together",
                "mix",
                "skip",
                "double",
            ],
        ],
        NO_QUESTION_OF_DOSE,
    ),
    Rule(
        &[&[
            "is it safe to take",
            "safe for me to take",
            "what dose",
            "what dosage",
            "right dose",
            "maximum dose",
            "mix alcohol",
            "side effects of",
            "do i have cancer",
            "do i have an infection",
            "do i have diabetes",
            "do i have a broken",
            "do you think i have",
            "what is wrong with me",
            "whats wrong with me",
            "can you diagnose",
            "diagnose me",
            "what medicine should",
            "which medicine should",
            "what antibiotic",
        ]],
        &[],
    ),
];

/// What people complain of.
const SYMPTOMS: &[&str] = &[
    "hurt",
    "hurts",
    "hurting",
    "pain",
    "painful",
    "ache",
    "aches",
    "aching",
    "toothache",
    "headache",
    "swollen",
    "swelling",
    "bleeding",
    "bleeds",
    "blood",
    "infected",
    "infection",
    "fever",
    "rash",
    "itchy",
    "dizzy",
    "vomiting",
    "nausea",
    "lump",
    "pus",
    "abscess",
    "numb",
    "numbness",
    "cough",
    "migraine",
    "burning",
    "sore",
];

/// Whoever complains, and ends a sentence or a part of one like this, wants advice.
const WHAT_NOW: &[&str] = &[
    "what should i do",
    "what can i do",
    "what do i do",
    "what shall i do",
    "what could it be",
    "what is it",
    "what might it be",
    "is it normal",
    "is that normal",
    "is this normal",
    "is it serious",
    "is that serious",
    "is this serious",
    "is it bad",
    "should i worry",
    "should i be worried",
    "do i need to worry",
];

/// What kind of question it is, if it is one that no document answers.
pub fn of(question: &str) -> Option<Guard> {
    let said = plain(question);
    let holds = |Rule(all, none): &Rule| all.iter().all(|any| says(&said, any)) && !says(&said, none);
    if DANGER.iter().any(holds) {
        return Some(Guard::Emergency);
    }
    let ends = |part: &str| WHAT_NOW.iter().any(|now| plain(part).trim_end().ends_with(&format!(" {now}")));
    let complains = says(&said, SYMPTOMS) && question.split(['.', ',', ';', '?', '!']).any(ends);
    (complains || ADVICE.iter().any(holds)).then_some(Guard::MedicalAdvice)
}

fn says(said: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| said.contains(&format!(" {phrase} ")))
}

/// What was said, folded, with a space before and after each word, and in one way where there are several.
fn plain(question: &str) -> String {
    let mut said = format!(" {} ", words(question).join(" "));
    for (one, other) in [
        (" can t ", " cant "),
        (" cannot ", " cant "),
        (" can not ", " cant "),
        (" won t ", " wont "),
        (" will not ", " wont "),
        (" don t ", " dont "),
        (" do not ", " dont "),
        (" doesn t ", " doesnt "),
        (" does not ", " doesnt "),
        (" isn t ", " isnt "),
        (" is not ", " isnt "),
        (" i m ", " im "),
        (" i am ", " im "),
        (" properly ", " "),
        (" really ", " "),
        (" really ", " "),
    ] {
        said = said.replace(one, other);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_in_danger_is_heard() {
        for question in [
            "I have chest pains and my arm is numb",
            "my husband can't breathe!",
            "I can't catch my breath",
            "i am short of breath",
            "i cant breath",
            "I can not breath properly",
            "My chest feels tight",
            "My chest is really hurting",
            "I've got a pain in the chest",
            "he's not waking up",
            "he won't wake up",
            "my baby is turning blue",
            "I want to hurt myself",
            "I don't want to live anymore",
            "I want to kill myself",
            "I think I'm dying",
            "He collapsed",
            "She is having seizures",
            "There's blood everywhere and it will not stop",
            "my gum won't stop bleeding",
            "my gum is bleeding and will not stop",
            "the bleeding does not stop",
            "I am having an allergic reaction",
            "my face is swollen and I can't swallow",
            "my tongue is swelling up",
            "my face is numb on one side and I can't speak",
            "My daughter swallowed bleach",
            "I took too many pills",
            "I think he is having a stroke",
            "I was knocked out and can't remember anything",
            "no puedo respirar",
        ] {
            assert_eq!(of(question), Some(Guard::Emergency), "{question}");
        }
    }

    #[test]
    fn whoever_asks_for_advice_is_heard() {
        for question in [
            "my tooth hurts, what should I do?",
            "How much ibuprofen can I have?",
            "Can I take aspirin before the extraction?",
            "Should I stop taking my blood thinners?",
            "do I have an infection",
            "my face is swollen, is that normal",
            "is it safe to take it while I am pregnant, I mean paracetamol",
        ] {
            assert_eq!(of(question), Some(Guard::MedicalAdvice), "{question}");
        }
    }

    #[test]
    fn ordinary_questions_are_none_of_these() {
        for question in [
            "Do you see emergencies?",
            "do I have to fast before a blood test",
            "can I take the bus to you",
            "Can I take my dog with me?",
            "Can I take a photo of the x-ray?",
            "Should I take off my shoes for the scan?",
            "Can I take time off?",
            "How much is a cleaning?",
            "I have a toothache, can I come today?",
            "Can I get a refill of my antibiotics?",
            "How much is it to have antibiotics prescribed?",
            "I have pain, what is it going to cost?",
            "Is it normal that you charge a deposit for root canal pain?",
            "is it bad if I am late, I have a headache",
            "My father had a stroke last year, is there a wheelchair ramp?",
            "I had a stroke in 2019, are you wheelchair accessible?",
            "I passed out flyers at your door, where can I park?",
            "I passed out after my last visit because of the needle, can you do sedation?",
            "Do you have a heart attack leaflet?",
            "Do you do CPR courses, in case someone is choking?",
            "my breath smells",
            "can you fit me in today",
            "My tooth aches, do you have anything today?",
        ] {
            assert_eq!(of(question), None, "{question}");
        }
    }
}
