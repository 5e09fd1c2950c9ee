/** In the place of a stream's reader and writer, in formats whose answers are always whole. */
export function doesNotStream(): never {
  throw new Error("this format does not stream");
}
