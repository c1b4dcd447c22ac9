#include "decoder.hpp"

#include <string_view>

namespace tamis::regex {
namespace {

using Step = Decoder::Step;

// A state is a stage in the low byte and the bits read so far above it.
enum Stage : std::uint32_t {
  kOutside,
  kUtf8One,  // that many more bytes
  kUtf8Two,
  kUtf8Three,
  kEscape,  // behind a backslash
  kHexFour,
  kHexThree,
  kHexTwo,
  kHexOne,
  kPairBackslash,  // behind the first half of a surrogate pair
  kPairU,
  kPairFour,
  kPairThree,
  kPairTwo,
  kPairOne,
};

constexpr Step kDead = {Step::Kind::kDead};

Step inside(std::uint32_t stage, std::uint32_t bits) { return {Step::Kind::kInside, stage | (bits << 8)}; }
Step character(std::uint32_t code) { return {Step::Kind::kCharacter, code}; }

Step continued(std::uint32_t stage, std::uint32_t bits, std::uint8_t byte) {
  if ((byte & 0xC0) != 0x80) return kDead;
  const std::uint32_t value = (bits << 6) | (byte & 0x3FU);
  if (stage == kUtf8One) return character(value);
  // The second byte settles what RFC 3629, section 4, excludes: overlong forms, surrogates and what is past the last
  // code point.  Four bytes leave at least 16 here, three bytes at most 15.
  if (stage == kUtf8Three && (value < 0x10 || value > 0x10F)) return kDead;
  if (stage == kUtf8Two && bits < 16 && (value < 0x20 || (value >= 0x360 && value < 0x380))) return kDead;
  return inside(stage - 1, value);
}

Step utf8(std::uint8_t byte) {
  if (byte < 0x80) return character(byte);
  if (byte >= 0xC2 && byte < 0xE0) return inside(kUtf8One, byte & 0x1FU);
  if (byte >= 0xE0 && byte < 0xF0) return inside(kUtf8Two, byte & 0x0FU);
  if (byte >= 0xF0 && byte < 0xF5) return inside(kUtf8Three, byte & 0x07U);
  return kDead;
}

// RFC 8259, section 7.
Step escape(std::uint8_t byte) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (byte == 'u') return inside(kHexFour, 0);
  const std::size_t at = kLetters.find(static_cast<char>(byte));
  return at == std::string_view::npos ? kDead : character(static_cast<std::uint8_t>(kMeanings[at]));
}

int hex_digit(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const std::uint8_t lower = byte | 0x20U;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

Step Decoder::step(State state, std::uint8_t byte) const {
  const std::uint32_t stage = state & 0xFFU;
  const std::uint32_t bits = state >> 8;
  switch (stage) {
    case kOutside:
      if (codec_ == Codec::kBytes) return character(byte);
      if (codec_ == Codec::kJson) {
        if (byte == '\\') return inside(kEscape, 0);
        if (byte == '"' || byte < 0x20) return kDead;
      }
      return utf8(byte);
    case kUtf8One:
    case kUtf8Two:
    case kUtf8Three:
      return continued(stage, bits, byte);
    case kEscape:
      return escape(byte);
    case kPairBackslash:
      return byte == '\\' ? inside(kPairU, bits) : kDead;
    case kPairU:
      return byte == 'u' ? inside(kPairFour, bits) : kDead;
    default:
      break;
  }
  const int digit = hex_digit(byte);
  if (digit < 0) return kDead;
  const std::uint32_t value = (bits << 4) | static_cast<std::uint32_t>(digit);
  if (stage == kHexOne) {
    if (value >= 0xDC00 && value < 0xE000) return kDead;
    return value >= 0xD800 && value < 0xDC00 ? inside(kPairBackslash, value - 0xD800) : character(value);
  }
  // The second half is DC00 to DFFF; bits hold ten of the first half, then the digits.
  if (stage == kPairFour && digit != 13) return kDead;
  if (stage == kPairThree && digit < 12) return kDead;
  if (stage == kPairOne) return character(0x10000 + ((value >> 16) << 10) + (value & 0x3FFU));
  return inside(stage + 1, value);
}

}  // namespace tamis::regex
