# The same rule in Rego.
package company

import rego.v1

findings contains "name-refused" if input.name in data.refused

findings contains "chain-too-long" if count(input.certificates) > data.longest

default decision := "accept"

decision := "reject" if count(findings) > 0

verdict := {"decision": decision, "findings": findings}
