/** A button that copies a text and says that it has. */
import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import type * as React from 'react';
import { useEffect, useState } from 'react';

/** Milliseconds for which the button says that the text is copied. */
const SHOWN_FOR = 2000;

interface ICopyButtonProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

export function CopyButton({ text, trans }: ICopyButtonProps): React.JSX.Element {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied ? window.setTimeout(() => setIsCopied(false), SHOWN_FOR) : 0;
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  const Icon = (isCopied ? checkIcon : copyIcon).react;
  return (
    <button
      type="button"
      className="jp-KustoImage-textButton"
      onClick={() => {
        Clipboard.copyToSystem(text);
        setIsCopied(true);
      }}
    >
      <Icon tag="span" aria-hidden="true" />
      <span aria-live="polite">{isCopied ? trans.__('Copied') : trans.__('Copy')}</span>
    </button>
  );
}
