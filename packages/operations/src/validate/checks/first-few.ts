/** As many as a person reads. */
const named = 5

/** The first few of many, and how many more there are. */
export function firstFew(items: readonly string[]): string {
  const more = items.length > named ? [`and ${items.length - named} more`] : []
  return [...items.slice(0, named), ...more].join('; ')
}
