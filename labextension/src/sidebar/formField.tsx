/** A labeled field with its state or its errors below it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useId } from 'react';

import type { FormField } from './formErrors';
import type { IFieldError } from './formSession';

/** Attributes of the input element. */
export interface IInputAttributes {
  readonly id: string;
  readonly 'data-field': string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string;
  readonly 'aria-required': boolean;
}

export interface IFieldProps {
  readonly name: Exclude<FormField, 'form'>;
  readonly label: string;
  readonly trans: TranslationBundle;
  readonly errors: ReadonlyArray<IFieldError>;
  /** What is shown while there are no errors. */
  readonly status?: string;
  readonly tone?: 'success' | 'warning' | 'neutral';
  readonly isRequired?: boolean;
  readonly children: (attributes: IInputAttributes) => React.JSX.Element;
}

export function Field(props: IFieldProps): React.JSX.Element {
  const { name, label, trans, errors, status = '', tone = 'neutral', isRequired = false, children } = props;
  const id = useId();
  return (
    <div className="jp-KustoImage-field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'data-field': name,
        'aria-invalid': errors.length > 0,
        'aria-describedby': `${id}-status`,
        'aria-required': isRequired
      })}
      <div id={`${id}-status`} className="jp-KustoImage-fieldStatus" aria-live="polite">
        {errors.length ? (
          <Errors errors={errors} trans={trans} />
        ) : (
          <span className={`jp-KustoImage-tone jp-mod-${tone}`}>{status}</span>
        )}
      </div>
    </div>
  );
}

interface IErrorsProps {
  readonly errors: ReadonlyArray<IFieldError>;
  readonly trans: TranslationBundle;
}

export function Errors({ errors, trans }: IErrorsProps): React.JSX.Element | null {
  return errors.length ? (
    <div role="alert">
      <ul className="jp-KustoImage-errors jp-KustoImage-tone jp-mod-error">
        {errors.map(({ line, text }) => (
          <li key={`${line ?? 0} ${text}`}>{line === null ? text : trans.__('line %1: %2', line, text)}</li>
        ))}
      </ul>
    </div>
  ) : null;
}
