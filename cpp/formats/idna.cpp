#include "idna.hpp"

#include <algorithm>
#include <cstdint>

#include "unicode.hpp"

namespace tamis::formats {
namespace {

constexpr char32_t kMiddleDot = 0xB7, kKeraia = 0x375, kGeresh = 0x5F3, kGershayim = 0x5F4, kKatakanaDot = 0x30FB;
constexpr char32_t kZwnj = 0x200C, kZwj = 0x200D;
constexpr std::uint8_t kVirama = 9;

bool is_ascii(char32_t code) { return code < 0x80; }
bool is_upper(char32_t code) { return code >= U'A' && code <= U'Z'; }
bool is_ldh(char32_t code) {
  return (code >= U'a' && code <= U'z') || is_upper(code) || (code >= U'0' && code <= U'9') || code == U'-';
}
bool all_ascii(std::u32string_view text) { return std::all_of(text.begin(), text.end(), is_ascii); }

std::u32string lower(std::u32string_view text) {
  std::u32string result(text);
  for (char32_t& code : result) code += is_upper(code) ? 32 : 0;
  return result;
}

// Hyphens as third and fourth character are left to A-labels (RFC 5891, 4.2.3.1).
bool has_reserved_hyphens(std::u32string_view label) {
  return label.size() >= 4 && label[2] == U'-' && label[3] == U'-';
}

namespace punycode {

constexpr std::uint32_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700, kFirstBias = 72, kFirst = 0x80;

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) { return k <= bias ? kTMin : std::min(k - bias, kTMax); }

std::uint32_t adapted(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > (kBase - kTMin) * kTMax / 2; k += kBase) delta /= kBase - kTMin;
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

}  // namespace punycode

// RFC 5892, appendix A.1 and A.2.
bool may_join(std::u32string_view label, std::size_t at, bool is_begin) {
  if (at > 0 && properties(label[at - 1]).combining_class == kVirama) return true;
  if (label[at] == kZwj) return false;
  const auto joins = [&](std::size_t i, Joining one_way) {
    const Joining joining = properties(label[i]).joining;
    return joining == one_way || joining == Joining::kDual;
  };
  const auto transparent = [&](std::size_t i) { return properties(label[i]).joining == Joining::kTransparent; };
  std::size_t before = at;
  while (before > 0 && transparent(before - 1)) --before;
  if (before == 0 || !joins(before - 1, Joining::kLeft)) return false;
  std::size_t after = at + 1;
  while (after < label.size() && transparent(after)) ++after;
  return after == label.size() ? is_begin : joins(after, Joining::kRight);
}

// RFC 5892, appendix A.3 to A.9.
bool may_stand(std::u32string_view label, std::size_t at, bool is_begin) {
  const auto next_is = [&](auto wanted) { return at + 1 < label.size() ? wanted(label[at + 1]) : is_begin; };
  const auto has = [&](char32_t low, char32_t high) {
    return std::any_of(label.begin(), label.end(), [&](char32_t code) { return code >= low && code <= high; });
  };
  switch (label[at]) {
    case kMiddleDot:
      return at > 0 && label[at - 1] == U'l' && next_is([](char32_t next) { return next == U'l'; });
    case kKeraia:
      return next_is([](char32_t next) { return properties(next).script == Script::kGreek; });
    case kGeresh:
    case kGershayim:
      return at > 0 && properties(label[at - 1]).script == Script::kHebrew;
    case kKatakanaDot:
      return is_begin || std::any_of(label.begin(), label.end(),
                                     [](char32_t code) { return properties(code).script == Script::kKanaOrHan; });
    default:  // digits of two Arabic kinds
      return label[at] <= 0x669 ? !has(0x6F0, 0x6F9) : !has(0x660, 0x669);
  }
}

bool is_rightward(Bidi bidi) { return bidi == Bidi::kR || bidi == Bidi::kAL || bidi == Bidi::kAN; }
bool right_to_left(std::u32string_view label) {
  return std::any_of(label.begin(), label.end(), [](char32_t code) { return is_rightward(properties(code).bidi); });
}

// RFC 5893, section 2, of a label in small letters.
bool keeps_direction(std::u32string_view label) {
  std::size_t end = label.size();
  while (end > 0 && properties(label[end - 1]).bidi == Bidi::kNSM) --end;
  const Bidi first = properties(label[0]).bidi;
  if (end == 0 || (first != Bidi::kL && first != Bidi::kR && first != Bidi::kAL)) return false;
  const Bidi last = properties(label[end - 1]).bidi;
  bool european = false;
  bool arabic = false;
  for (const char32_t code : label) {
    const Bidi bidi = properties(code).bidi;
    if (bidi == Bidi::kOther || (first == Bidi::kL ? is_rightward(bidi) : bidi == Bidi::kL)) return false;
    european = european || bidi == Bidi::kEN;
    arabic = arabic || bidi == Bidi::kAN;
  }
  if (first == Bidi::kL) return last == Bidi::kL || last == Bidi::kEN;
  const bool ends_well = last == Bidi::kR || last == Bidi::kAL || last == Bidi::kEN || last == Bidi::kAN;
  return ends_well && !(european && arabic);
}

// RFC 5891, section 5.4, but for the length; of a beginning, what no continuation can mend.
bool is_international(std::u32string_view label, bool is_begin) {
  if (label.empty() || properties(label[0]).mark || label[0] == U'-' || has_reserved_hyphens(label)) return false;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const Properties found = properties(label[i]);
    if (found.status == Status::kDisallowed) return false;
    if (found.status == Status::kContextJ && !may_join(label, i, is_begin)) return false;
    if (found.status == Status::kContextO && !may_stand(label, i, is_begin)) return false;
  }
  if (!is_begin && (label.back() == U'-' || (right_to_left(label) && !keeps_direction(label)))) return false;
  return is_nfc(label);
}

}  // namespace

std::optional<std::u32string> decoded_punycode(std::u32string_view text) {
  std::u32string result;
  const std::size_t hyphen = text.rfind(U'-');
  std::size_t at = 0;
  if (hyphen != std::u32string_view::npos) {
    result = text.substr(0, hyphen);
    at = hyphen + 1;
    if (hyphen == 0) return std::nullopt;
  }
  std::uint32_t code = punycode::kFirst;
  std::uint32_t bias = punycode::kFirstBias;
  std::uint64_t index = 0;
  while (at < text.size()) {
    const std::uint64_t before = index;
    std::uint64_t weight = 1;
    for (std::uint32_t k = punycode::kBase;; k += punycode::kBase) {
      if (at == text.size()) return std::nullopt;
      const char32_t c = text[at++];
      std::uint32_t digit = 0;
      if (c >= U'a' && c <= U'z') {
        digit = c - U'a';
      } else if (c >= U'0' && c <= U'9') {
        digit = c - U'0' + 26;
      } else {
        return std::nullopt;
      }
      index += digit * weight;
      if (index > 0xFFFFFFFFU) return std::nullopt;
      const std::uint32_t t = punycode::threshold(k, bias);
      if (digit < t) break;
      weight *= punycode::kBase - t;
      if (weight > 0xFFFFFFFFU) return std::nullopt;
    }
    const auto points = static_cast<std::uint32_t>(result.size() + 1);
    bias = punycode::adapted(static_cast<std::uint32_t>(index - before), points, before == 0);
    const std::uint64_t next = code + index / points;
    if (next > 0x10FFFF || (next >= 0xD800 && next <= 0xDFFF)) return std::nullopt;
    code = static_cast<std::uint32_t>(next);
    index %= points;
    result.insert(result.begin() + static_cast<std::ptrdiff_t>(index), code);
    ++index;
  }
  return result;
}

std::optional<std::u32string> encoded_punycode(std::u32string_view text) {
  std::u32string result;
  std::copy_if(text.begin(), text.end(), std::back_inserter(result), is_ascii);
  std::uint32_t handled = static_cast<std::uint32_t>(result.size());
  const std::uint32_t basic = handled;
  if (basic > 0) result += U'-';
  std::uint32_t code = punycode::kFirst;
  std::uint32_t bias = punycode::kFirstBias;
  std::uint64_t delta = 0;
  while (handled < text.size()) {
    char32_t next = 0x7FFFFFFF;
    for (const char32_t c : text) next = c >= code && c < next ? c : next;
    delta += static_cast<std::uint64_t>(next - code) * (handled + 1);
    code = next;
    if (delta > 0xFFFFFFFFU) return std::nullopt;
    for (const char32_t c : text) {
      if (c < code) ++delta;
      if (c != code) continue;
      std::uint64_t rest = delta;
      for (std::uint32_t k = punycode::kBase;; k += punycode::kBase) {
        const std::uint32_t t = punycode::threshold(k, bias);
        const auto digit = static_cast<char32_t>(rest < t ? rest : t + (rest - t) % (punycode::kBase - t));
        result += digit < 26 ? U'a' + digit : U'0' + digit - 26;
        if (rest < t) break;
        rest = (rest - t) / (punycode::kBase - t);
      }
      bias = punycode::adapted(static_cast<std::uint32_t>(delta), handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++code;
  }
  return result;
}

bool is_u_label(std::u32string_view label) {
  if (all_ascii(label) || !is_international(label, false)) return false;
  const auto encoded = encoded_punycode(label);
  return encoded && encoded->size() + 4 <= kLongestLabel;
}

bool is_a_label(std::u32string_view label) {
  if (label.size() > kLongestLabel || !all_ascii(label)) return false;
  const std::u32string small = lower(label);
  if (small.substr(0, 4) != U"xn--") return false;
  const std::u32string_view tail = std::u32string_view(small).substr(4);
  const auto decoded = decoded_punycode(tail);
  return decoded && is_u_label(*decoded) && encoded_punycode(*decoded) == tail;
}

std::optional<Label> read_label(std::u32string_view label) {
  if (!all_ascii(label)) {
    if (!is_u_label(label)) return std::nullopt;
    return Label{encoded_punycode(label)->size() + 4, right_to_left(label), keeps_direction(label)};
  }
  const bool fits = !label.empty() && label.size() <= kLongestLabel && label.front() != U'-' && label.back() != U'-';
  if (!fits || !std::all_of(label.begin(), label.end(), is_ldh)) return std::nullopt;
  const std::u32string small = lower(label);
  if (!has_reserved_hyphens(label)) return Label{label.size(), false, keeps_direction(small)};
  if (!is_a_label(label)) return std::nullopt;
  const auto decoded = decoded_punycode(std::u32string_view(small).substr(4));
  return Label{label.size(), right_to_left(*decoded), keeps_direction(*decoded)};
}

bool may_begin_label(std::u32string_view begin) {
  if (begin.empty()) return true;
  if (all_ascii(begin)) {
    const bool reserved = has_reserved_hyphens(begin) && lower(begin.substr(0, 2)) != U"xn";
    return begin.size() <= kLongestLabel && begin[0] != U'-' && !reserved &&
           std::all_of(begin.begin(), begin.end(), is_ldh);
  }
  // In ASCII every character takes one at least, behind the prefix.
  return begin.size() + 4 <= kLongestLabel && is_international(begin, true);
}

}  // namespace tamis::formats
