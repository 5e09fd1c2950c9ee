/** Something that the person who starts the stack can put right. The message is one line that says what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
}
