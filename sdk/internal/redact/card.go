// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// findCard looks for the number of a payment card whose first digit is at i: in one piece, or in the groups that
// are printed on cards, with a space or a dash between them. Digits of one kind of card have a known length, its
// first digits and a check digit; epoch times and most ids fail these tests.
func findCard(s string, i int) (cut, bool) {
	if i > 0 && s[i-1] == '.' {
		return cut{}, false // the fraction of a number
	}
	var digits [19]byte
	n := 0
	end := skipDigits(s, i)
	switch size := end - i; {
	case size >= 13 && size <= len(digits):
		n = copy(digits[:], s[i:end])
	case size == 4:
		n, end = grouped(s, i, &digits)
	}
	if n == 0 || end < len(s) && (isWord(s[end]) || s[end] == '.' && end+1 < len(s) && isDigit(s[end+1])) {
		return cut{}, false
	}
	return cut{i, end}, issued(digits[:n]) && luhn(digits[:n])
}

// layouts are the groups after the first four digits.
var layouts = [...][]int{{4, 4, 4}, {6, 5}, {6, 4}}

func grouped(s string, i int, digits *[19]byte) (n, end int) {
	if i+5 >= len(s) || s[i+4] != ' ' && s[i+4] != '-' {
		return 0, 0
	}
	for _, layout := range layouts {
		n = copy(digits[:], s[i:i+4])
		end = i + 4
		for _, size := range layout {
			next := end + 1
			if end >= len(s) || s[end] != s[i+4] || skipDigits(s, next)-next != size {
				n = 0
				break
			}
			n += copy(digits[n:], s[next:next+size])
			end = next + size
		}
		if n > 0 {
			return n, end
		}
	}
	return 0, 0
}

// issued says whether a card network issues numbers of this length that begin like this.
func issued(d []byte) bool {
	two := int(d[0]-'0')*10 + int(d[1]-'0')
	four := two*100 + int(d[2]-'0')*10 + int(d[3]-'0')
	switch len(d) {
	case 13:
		return d[0] == '4'
	case 14:
		return two == 36 || two == 38 || four >= 3000 && four <= 3059
	case 15:
		return two == 34 || two == 37
	case 16:
		return d[0] == '4' || two >= 51 && two <= 55 || four >= 2221 && four <= 2720 ||
			four == 6011 || two == 65 || four >= 6440 && four <= 6499 || four >= 3528 && four <= 3589 || two == 62
	case 19:
		return two == 62 || two == 65
	default:
		return false
	}
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
