// Labels of host names: plain ones (RFC 1123), internationalised ones (RFC 5890 to 5893) and their ASCII form.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tamis::formats {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 253;

// RFC 3492, without the prefix "xn--"; nothing where the text is no Punycode, or the numbers in it overflow.
std::optional<std::u32string> decoded_punycode(std::u32string_view text);
std::optional<std::u32string> encoded_punycode(std::u32string_view text);

struct Label {
  std::size_t ascii_length;
  bool right_to_left;    // has characters that are written so
  bool keeps_direction;  // follows the rule that all labels of a name with such a one must follow (RFC 5893, section 2)
};

// What the label is, if it is one: letters, digits and hyphens, or an A-label, or a U-label.
std::optional<Label> read_label(std::u32string_view label);

bool is_a_label(std::u32string_view label);
bool is_u_label(std::u32string_view label);

// Whether a label may begin like that; true where that is not clear yet.
bool may_begin_label(std::u32string_view begin);

}  // namespace tamis::formats
