function doesNotStream(): never {
  throw new Error("this format does not stream");
}

/** The members of `Wire` for a format whose answers are always whole. */
export const WHOLE = {
  streams: false,
  terminator: "",
  idPrefix: "",
  decodeStream: doesNotStream,
  encodeStream: doesNotStream,
} as const;
