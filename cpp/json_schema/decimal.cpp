#include "decimal.hpp"

#include <algorithm>
#include <charconv>

namespace tamis::schema {

// Naturals ------------------------------------------------------------------------------------------------------------

Natural::Natural(std::string_view digits) {
  for (std::size_t end = digits.size(); end > 0;) {
    const std::size_t begin = end > 9 ? end - 9 : 0;
    std::uint32_t limb = 0;
    for (std::size_t i = begin; i < end; ++i) limb = limb * 10 + static_cast<std::uint32_t>(digits[i] - '0');
    limbs_.push_back(limb);
    end = begin;
  }
  trim();
}

void Natural::trim() {
  while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
}

std::string Natural::digits() const {
  if (limbs_.empty()) return "0";
  std::string out = std::to_string(limbs_.back());
  for (auto limb = limbs_.rbegin() + 1; limb != limbs_.rend(); ++limb) {
    const std::string part = std::to_string(*limb);
    out.append(9 - part.size(), '0').append(part);
  }
  return out;
}

int compare(const Natural& a, const Natural& b) {
  if (a.limbs_.size() != b.limbs_.size()) return a.limbs_.size() < b.limbs_.size() ? -1 : 1;
  for (std::size_t i = a.limbs_.size(); i-- > 0;) {
    if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] < b.limbs_[i] ? -1 : 1;
  }
  return 0;
}

Natural multiply(const Natural& a, const Natural& b) {
  Natural out;
  out.limbs_.assign(a.limbs_.size() + b.limbs_.size(), 0);
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs_.size() || carry != 0; ++j) {
      const std::uint64_t factor = j < b.limbs_.size() ? b.limbs_[j] : 0;
      const std::uint64_t sum = out.limbs_[i + j] + a.limbs_[i] * factor + carry;
      out.limbs_[i + j] = static_cast<std::uint32_t>(sum % Natural::kBase);
      carry = sum / Natural::kBase;
    }
  }
  out.trim();
  return out;
}

void Natural::divide(const Natural& a, const Natural& b, Natural& quotient, Natural& remainder) {
  quotient.limbs_.clear();
  if (compare(a, b) < 0) {
    remainder = a;
    return;
  }
  if (b.limbs_.size() == 1) {
    std::vector<std::uint32_t> result(a.limbs_.size());
    std::uint64_t rest = 0;
    for (std::size_t i = a.limbs_.size(); i-- > 0;) {
      rest = rest * kBase + a.limbs_[i];
      result[i] = static_cast<std::uint32_t>(rest / b.limbs_[0]);
      rest %= b.limbs_[0];
    }
    quotient.limbs_ = std::move(result);
    quotient.trim();
    remainder.limbs_.assign(1, static_cast<std::uint32_t>(rest));
    remainder.trim();
    return;
  }
  // Normalised so that the divisor's highest limb is at least half of the base.
  const std::uint64_t factor = kBase / (b.limbs_.back() + std::uint64_t{1});
  const auto scaled = [&](const std::vector<std::uint32_t>& limbs) {
    std::vector<std::uint32_t> out;
    std::uint64_t carry = 0;
    for (const std::uint32_t limb : limbs) {
      carry += limb * factor;
      out.push_back(static_cast<std::uint32_t>(carry % kBase));
      carry /= kBase;
    }
    out.push_back(static_cast<std::uint32_t>(carry));
    return out;
  };
  std::vector<std::uint32_t> u = scaled(a.limbs_);
  std::vector<std::uint32_t> v = scaled(b.limbs_);
  v.pop_back();
  const std::size_t n = v.size();
  std::vector<std::uint32_t> result(u.size() - n);
  for (std::size_t j = u.size() - n; j-- > 0;) {
    const std::uint64_t top = static_cast<std::uint64_t>(u[j + n]) * kBase + u[j + n - 1];
    std::uint64_t guess = top / v[n - 1];
    std::uint64_t rest = top % v[n - 1];
    while (guess >= kBase || guess * v[n - 2] > rest * kBase + u[j + n - 2]) {
      --guess;
      rest += v[n - 1];
      if (rest >= kBase) break;
    }
    std::int64_t borrow = 0;
    for (std::size_t i = 0; i <= n; ++i) {
      const std::uint64_t subtract = guess * (i < n ? v[i] : 0);
      std::int64_t value = static_cast<std::int64_t>(u[i + j]) - static_cast<std::int64_t>(subtract % kBase) + borrow;
      borrow = -static_cast<std::int64_t>(subtract / kBase);
      if (value < 0) {
        const std::int64_t lack = (-value + kBase - 1) / kBase;
        value += lack * kBase;
        borrow -= lack;
      }
      u[i + j] = static_cast<std::uint32_t>(value);
    }
    if (borrow < 0) {  // the guess was one too many
      --guess;
      std::uint64_t carry = 0;
      for (std::size_t i = 0; i <= n; ++i) {
        carry += u[i + j] + static_cast<std::uint64_t>(i < n ? v[i] : 0);
        u[i + j] = static_cast<std::uint32_t>(carry % kBase);
        carry /= kBase;
      }
    }
    result[j] = static_cast<std::uint32_t>(guess);
  }
  quotient.limbs_ = std::move(result);
  quotient.trim();
  u.resize(n);
  std::uint64_t rest = 0;
  for (std::size_t i = n; i-- > 0;) {
    rest = rest * kBase + u[i];
    u[i] = static_cast<std::uint32_t>(rest / factor);
    rest %= factor;
  }
  remainder.limbs_ = std::move(u);
  remainder.trim();
}

Natural gcd(Natural a, Natural b) {
  Natural quotient;
  while (!b.is_zero()) {
    Natural rest;
    Natural::divide(a, b, quotient, rest);
    a = std::move(b);
    b = std::move(rest);
  }
  return a;
}

// Decimals ------------------------------------------------------------------------------------------------------------

Decimal::Decimal(long long value) : negative_(value < 0) {
  if (value == 0) return;
  digits_ = std::to_string(value);
  if (negative_) digits_.erase(0, 1);
}

Decimal Decimal::of(bool negative, std::string digits, long long scale) {
  Decimal out;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return out;
  while (scale > 0 && digits.back() == '0') {
    digits.pop_back();
    --scale;
  }
  if (scale < 0) {
    digits.append(static_cast<std::size_t>(-scale), '0');
    scale = 0;
  }
  out.negative_ = negative;
  out.digits_ = std::move(digits);
  out.scale_ = static_cast<int>(scale);
  return out;
}

Decimal Decimal::parse(std::string_view literal) {
  const bool negative = !literal.empty() && literal[0] == '-';
  if (negative) literal.remove_prefix(1);
  long long exponent = 0;
  if (const std::size_t e = literal.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = literal.substr(e + 1);
    if (power[0] == '+') power.remove_prefix(1);
    std::from_chars(power.data(), power.data() + power.size(), exponent);
    literal = literal.substr(0, e);
  }
  std::string digits(literal);
  long long scale = -exponent;
  if (const std::size_t point = digits.find('.'); point != std::string::npos) {
    scale += static_cast<long long>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  return of(negative, std::move(digits), scale);
}

Decimal Decimal::negated() const {
  Decimal out = *this;
  out.negative_ = !negative_ && !is_zero();
  return out;
}

Decimal Decimal::magnitude() const { return negative_ ? negated() : *this; }

Decimal Decimal::times_power_of_ten(long long power) const { return of(negative_, digits_, scale_ - power); }

std::string Decimal::whole() const {
  const auto places = static_cast<std::size_t>(scale_);
  return digits_.size() > places ? digits_.substr(0, digits_.size() - places) : "0";
}

std::string Decimal::fraction() const {
  const auto places = static_cast<std::size_t>(scale_);
  if (digits_.size() >= places) return digits_.substr(digits_.size() - places);
  return std::string(places - digits_.size(), '0') + digits_;
}

Natural Decimal::scaled(int scale) const {
  return Natural(digits_ + std::string(static_cast<std::size_t>(scale - scale_), '0'));
}

std::string Decimal::text() const { return (negative_ ? "-" : "") + whole() + (scale_ > 0 ? "." + fraction() : ""); }

int compare(const Decimal& a, const Decimal& b) {
  if (a.is_zero() || b.is_zero() || a.negative_ != b.negative_) {
    const int sign_a = a.is_zero() ? 0 : a.negative_ ? -1 : 1;
    const int sign_b = b.is_zero() ? 0 : b.negative_ ? -1 : 1;
    return sign_a < sign_b ? -1 : sign_a > sign_b ? 1 : 0;
  }
  int order = a.exponent() - b.exponent();
  if (order == 0) {
    // Digits of equal weight from the left; the shorter one goes on with zeros, and neither ends in one.
    const std::size_t shared = std::min(a.digits_.size(), b.digits_.size());
    order = a.digits_.compare(0, shared, b.digits_, 0, shared);
    if (order == 0) {
      const std::string& longer = a.digits_.size() > b.digits_.size() ? a.digits_ : b.digits_;
      const bool more = longer.find_first_not_of('0', shared) != std::string::npos;
      if (more) order = a.digits_.size() > b.digits_.size() ? 1 : -1;
    }
  }
  if (a.negative_) order = -order;
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

Decimal plus_one(const Decimal& integer) {
  if (integer.is_negative()) return minus_one(integer.negated()).negated();
  std::string digits = integer.whole();
  for (std::size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '9') {
      ++digits[i];
      return Decimal::of(false, std::move(digits), 0);
    }
    digits[i] = '0';
  }
  return Decimal::of(false, "1" + digits, 0);
}

Decimal minus_one(const Decimal& integer) {
  if (integer.is_zero()) return Decimal(-1);
  if (integer.is_negative()) return plus_one(integer.negated()).negated();
  std::string digits = integer.whole();
  for (std::size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '0') {
      --digits[i];
      break;
    }
    digits[i] = '9';
  }
  return Decimal::of(false, std::move(digits), 0);
}

Decimal floor(const Decimal& value) {
  if (value.is_integer()) return value;
  const Decimal cut = Decimal::of(value.is_negative(), value.whole(), 0);
  return value.is_negative() ? minus_one(cut) : cut;
}

Decimal ceiling(const Decimal& value) { return floor(value.negated()).negated(); }

Decimal floor_quotient(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale(), b.scale());
  Natural quotient;
  Natural rest;
  Natural::divide(a.scaled(scale), b.scaled(scale), quotient, rest);
  const Decimal cut = Decimal::of(a.is_negative(), quotient.digits(), 0);
  return a.is_negative() && !rest.is_zero() ? minus_one(cut) : cut;
}

Decimal ceiling_quotient(const Decimal& a, const Decimal& b) { return floor_quotient(a.negated(), b).negated(); }

Decimal product(const Decimal& a, const Decimal& b) {
  const Natural digits = multiply(a.scaled(a.scale()), b.scaled(b.scale()));
  return Decimal::of(a.is_negative() != b.is_negative(), digits.digits(), a.scale() + b.scale());
}

bool is_multiple(const Decimal& value, const Decimal& step) {
  if (step.is_zero()) return value.is_zero();
  if (value.scale() > step.scale()) return false;  // a multiple has no more places than the step
  Natural quotient;
  Natural rest;
  Natural::divide(value.scaled(step.scale()), step.scaled(step.scale()), quotient, rest);
  return rest.is_zero();
}

Decimal least_common_multiple(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale(), b.scale());
  const Natural one = a.scaled(scale);
  const Natural other = b.scaled(scale);
  Natural quotient;
  Natural rest;
  Natural::divide(one, gcd(one, other), quotient, rest);
  return Decimal::of(false, multiply(quotient, other).digits(), scale);
}

}  // namespace tamis::schema
