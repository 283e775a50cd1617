// @ts-check
/** Turns what columns are used as into a configuration. */

/**
 * Features are the columns from `start_dim` to `end_dim` but for those that are listed as metadata.
 * @param {readonly {name: string, role: string}[]} columns in the file's order
 * @returns {Record<string, unknown>}
 */
export function withRoles(columns) {
  const places = columns.flatMap(({ role }, place) => (role === "feature" ? [place] : []));
  const times = columns.filter(({ role }) => role === "time").map(({ name }) => name);
  /** @type {Record<string, unknown>} */
  const config = { time_column: times.length === 0 ? null : times.length === 1 ? times[0] : times.slice(0, 2) };
  for (const [role, field] of [["series", "series_column"], ["value", "value_column"]]) {
    const found = columns.find((column) => column.role === role);
    if (found) config[field] = found.name;
  }
  if (places.length === 0) return config;
  const [first, last] = [places[0], places[places.length - 1]];
  return {
    ...config,
    end_meta: first > 0 ? columns[first - 1].name : "",
    start_dim: columns[first].name,
    end_dim: columns[last].name,
    metadata_columns: columns.slice(first, last + 1).filter(({ role }) => role !== "feature").map(({ name }) => name),
  };
}
