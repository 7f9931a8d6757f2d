// The programs that check the chart, at the versions the checks were written with (scripts/chart tools).
module sluice/tests/chart/tools

go 1.26.0

require (
	github.com/helm-unittest/helm-unittest v1.1.2
	github.com/yannh/kubeconform v0.8.0
	helm.sh/helm/v3 v3.21.4
)

replace github.com/vmware-labs/yaml-jsonpath v0.3.2 => github.com/helm-unittest/yaml-jsonpath v0.4.0
