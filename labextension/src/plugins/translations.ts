import { type ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

/** Return the extension's translations, English if no translator is installed. */
export function loadTranslations(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load('kusto_magic');
}
