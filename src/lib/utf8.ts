/**
 * UTF-8 bytes of a text, without encoding it. Each half of a surrogate pair counts 2, together the 4 bytes that the pair takes: so a text
 * in pieces has as many as the whole, wherever it was cut.
 */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes += 2;
    else if (unit >= 0x80) bytes += 1;
  }
  return bytes;
}
