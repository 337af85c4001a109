namespace DimIlgpu.Kernels;

/// <summary>Names one set of type arguments with which a generic kernel is used, so that tests compile it.</summary>
[AttributeUsage(AttributeTargets.Struct, AllowMultiple = true)]
internal sealed class KernelInstanceAttribute(params Type[] arguments) : Attribute
{
    public Type[] Arguments => arguments;
}
