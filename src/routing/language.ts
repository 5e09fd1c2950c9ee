import { LANGUAGES, type Language } from "../core/route-rules.ts";

/** Scripts that one language is written in, mostly, as ranges of UTF-16 units. Kana before Han, which stands in Japanese too. */
const SCRIPTS: readonly { readonly language: Language; readonly from: number; readonly to: number }[] = [
  { language: "ja", from: 0x3040, to: 0x30ff },
  { language: "ko", from: 0xac00, to: 0xd7af },
  { language: "zh", from: 0x4e00, to: 0x9fff },
  { language: "ru", from: 0x0400, to: 0x04ff },
  { language: "ar", from: 0x0600, to: 0x06ff },
  { language: "he", from: 0x0590, to: 0x05ff },
  { language: "el", from: 0x0370, to: 0x03ff },
  { language: "hi", from: 0x0900, to: 0x097f },
  { language: "th", from: 0x0e00, to: 0x0e7f },
];

/** Words that nearly every sentence of a language has some of, and few others have. */
const WORDS: Readonly<Partial<Record<Language, string>>> = {
  en: "the of and to is in that it for what how was are with this you does why can my which from about write please me would should have",
  de: "der die das und ist nicht ein eine zu den mit für auf wie was ich sie wir von im dem warum kann mir bitte schreibe werden sind wird über einen",
  fr: "le la les des et est une dans que pour qui pas sur avec ce il je nous vous comment pourquoi quel quelle sont peux mon votre du au cette plus",
  es: "el los las una que en por con para es del se lo como qué cómo cuál está mi por favor puedes son más este esta sobre escribe hay",
  it: "il lo gli della che di per una con non sono come perché cosa è mi nel alla del questo questa puoi scrivi quale più anche",
  pt: "o os uma que para com não em do da por como são você qual é na no isso este esta mais escreva pode meu sobre dos",
  nl: "de het een van en is niet dat op te in voor met hoe wat ik je zijn waarom kan deze die naar schrijf mij wordt om aan er",
};

const LANGUAGES_OF = new Map<string, Language[]>();
for (const language of LANGUAGES) {
  for (const word of WORDS[language]?.split(" ") ?? [])
    LANGUAGES_OF.set(word, [...(LANGUAGES_OF.get(word) ?? []), language]);
}

const LOOKED_AT = 500;
/** A fifth of the letters make a script: names and quotations do not. */
const SHARE = 5;

/**
 * The language of a text by its script and its most frequent words: enough to choose a model by, and no more. Undefined where nothing speaks for one
 * language over the others. How often it is right: test/unit/routing/language.test.ts.
 */
export function languageOf(text: string): Language | undefined {
  const sample = text.slice(0, LOOKED_AT);
  return byScript(sample) ?? byWords(sample);
}

function byScript(sample: string): Language | undefined {
  const counts = new Array<number>(SCRIPTS.length).fill(0);
  let letters = 0;
  for (let index = 0; index < sample.length; index++) {
    const unit = sample.charCodeAt(index);
    if (unit < 0x370) {
      if ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a) letters++;
      continue;
    }
    const script = SCRIPTS.findIndex(({ from, to }) => unit >= from && unit <= to);
    if (script < 0) continue;
    letters++;
    counts[script] = (counts[script] ?? 0) + 1;
  }
  return SCRIPTS.find((_, index) => (counts[index] ?? 0) * SHARE > letters)?.language;
}

function byWords(sample: string): Language | undefined {
  const scores = new Map<Language, number>();
  for (const word of sample.toLowerCase().match(/[a-zß-ɏ]+/g) ?? []) {
    const languages = LANGUAGES_OF.get(word) ?? [];
    for (const language of languages) scores.set(language, (scores.get(language) ?? 0) + 1 / languages.length);
  }
  const [best, second] = [...scores].sort((a, b) => b[1] - a[1]);
  return best && best[1] > (second?.[1] ?? 0) ? best[0] : undefined;
}
