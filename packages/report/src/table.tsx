/** Tables as all parts of a report use them: a caption, numbers to the right, and room to scroll on small screens. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { ComponentChildren, JSX } from 'preact';

export interface TableColumn {
  readonly header: string;
  readonly numbers?: boolean;
}

export interface TableRow {
  /** Unique in the table. */
  readonly key: string;
  readonly cells: readonly ComponentChildren[];
  /** For whoever wants to know which layer was clicked. */
  readonly layer?: string;
  readonly chosen?: boolean;
}

export interface TableProps {
  readonly caption: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

/** A table whose rows have their first cell as heading. */
export function Table({ caption, columns, rows }: TableProps): JSX.Element {
  const align = (index: number): string | undefined =>
    columns[index]?.numbers ? 'number' : undefined;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ header }, index) => (
              <th key={header} scope="col" class={align(index)}>
                {header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells, layer, chosen }) => (
            <tr key={key} data-layer={layer} class={chosen ? 'chosen' : undefined}>
              {cells.map((cell, index) =>
                index === 0 ? (
                  <th key={index} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={index} class={align(index)}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
